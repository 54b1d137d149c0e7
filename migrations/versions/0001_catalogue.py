"""What the clinic sells: services, types, prices, forms, processors, and its own pages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "calendar",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_calendar")),
    )
    op.create_table(
        "cancellation_policy",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("notice_hours", sa.Integer(), nullable=False),
        sa.Column("late_fee_percent", sa.Integer(), nullable=False),
        sa.Column("no_show_fee_percent", sa.Integer(), nullable=False),
        sa.Column("grace_minutes", sa.Integer(), nullable=False),
        sa.CheckConstraint("late_fee_percent between 0 and 100", name=op.f("ck_cancellation_policy_late_fee")),
        sa.CheckConstraint("no_show_fee_percent between 0 and 100", name=op.f("ck_cancellation_policy_no_show_fee")),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_cancellation_policy")),
    )
    op.create_table(
        "catalogue_version",
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_version")),
    )
    op.create_table(
        "content_page",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_content_page")),
    )
    op.create_table(
        "form_definition",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_definition")),
        sa.UniqueConstraint("slug", "version", name=op.f("uq_form_definition_slug_version")),
    )
    op.create_table(
        "old_address",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("leads_to", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_old_address")),
    )
    op.create_table(
        "service",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("icon", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("launch_on", sa.Date(), nullable=True),
        sa.Column("has_waitlist", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service")),
        sa.UniqueConstraint("slug", name=op.f("uq_service_slug")),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "appointment_type",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("mode", sa.String(40), nullable=False),
        sa.Column("who_may_book", sa.String(40), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("length_minutes", sa.Integer(), nullable=True),
        sa.Column("calendar_slug", sa.Text(), nullable=False),
        sa.Column("buffer_before_minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_after_minutes", sa.Integer(), nullable=False),
        sa.Column("minimum_notice_minutes", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("daily_cap", sa.Integer(), nullable=True),
        sa.Column("start_step_minutes", sa.Integer(), nullable=False),
        sa.Column("needs_room", sa.Boolean(), nullable=False),
        sa.Column("payment_policy", sa.String(40), nullable=False),
        sa.Column("cancellation_policy_slug", sa.Text(), nullable=False),
        sa.Column("gst_rule", sa.String(40), nullable=False),
        sa.Column("intake_form", sa.Text(), nullable=True),
        sa.Column("questions_form", sa.Text(), nullable=True),
        sa.Column("confirmation_message", sa.Text(), nullable=False),
        sa.Column("medi_code", sa.Text(), nullable=True),
        sa.Column("medi_minutes", sa.Integer(), nullable=True),
        sa.Column("medi_type_id", sa.Text(), nullable=True),
        sa.Column("billing_code", sa.Text(), nullable=True),
        sa.Column("reporting_category", sa.Text(), nullable=False),
        sa.Column("calendly_event", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "buffer_before_minutes >= 0 and buffer_after_minutes >= 0", name=op.f("ck_appointment_type_buffers")
        ),
        sa.CheckConstraint("length_minutes > 0", name=op.f("ck_appointment_type_length")),
        sa.CheckConstraint("start_step_minutes > 0", name=op.f("ck_appointment_type_step")),
        sa.ForeignKeyConstraint(["calendar_slug"], ["calendar.slug"], name=op.f("fk_appointment_type_calendar_slug")),
        sa.ForeignKeyConstraint(
            ["cancellation_policy_slug"],
            ["cancellation_policy.slug"],
            name=op.f("fk_appointment_type_cancellation_policy_slug"),
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_appointment_type_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_type")),
        sa.UniqueConstraint("slug", name=op.f("uq_appointment_type_slug")),
    )
    op.create_index(op.f("ix_appointment_type_service_id"), "appointment_type", ["service_id"], unique=False)
    op.create_table(
        "processor",
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_processor_service_id")),
        sa.PrimaryKeyConstraint("service_id", name=op.f("pk_processor")),
    )
    op.create_table(
        "price",
        sa.Column("type_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_cents >= 0", name=op.f("ck_price_amount")),
        sa.ForeignKeyConstraint(["type_id"], ["appointment_type.id"], name=op.f("fk_price_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price")),
        sa.UniqueConstraint("type_id", "valid_from", name=op.f("uq_price_type_id_valid_from")),
    )
