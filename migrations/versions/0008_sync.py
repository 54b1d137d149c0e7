"""What we know of the other systems' copies of a booking."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "graph_notification",
        sa.Column("practitioner_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("change_type", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("routed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["practitioner.id"], name=op.f("fk_graph_notification_practitioner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graph_notification")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_graph_notification_dedupe_key")),
    )
    op.create_table(
        "graph_subscription",
        sa.Column("practitioner_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("client_state", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["practitioner.id"], name=op.f("fk_graph_subscription_practitioner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graph_subscription")),
        sa.UniqueConstraint("practitioner_id", name=op.f("uq_graph_subscription_practitioner_id")),
        sa.UniqueConstraint("subscription_id", name=op.f("uq_graph_subscription_subscription_id")),
    )
    op.create_table(
        "medirecords_link",
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("appointment_id", sa.Text(), nullable=True),
        sa.Column("written", postgresql.JSONB(), nullable=False),
        sa.Column("patient_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("create_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("needs_you", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_medirecords_link_booking_id")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("pk_medirecords_link")),
        sa.UniqueConstraint("appointment_id", name=op.f("uq_medirecords_link_appointment_id")),
    )
    op.create_table(
        "outlook_link",
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("graph_user_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("written", postgresql.JSONB(), nullable=False),
        sa.Column("creates", sa.Integer(), nullable=False),
        sa.Column("create_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_outlook_link_booking_id")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("pk_outlook_link")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outlook_link_event_id")),
    )
    op.create_table(
        "processor_run",
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("steps", postgresql.JSONB(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_processor_run_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processor_run")),
    )
    op.create_index(op.f("ix_processor_run_booking_id"), "processor_run", ["booking_id"], unique=False)
