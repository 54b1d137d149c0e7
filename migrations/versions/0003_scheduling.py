"""Where and when the clinic works."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "location",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("is_telehealth", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_location")),
        sa.UniqueConstraint("slug", name=op.f("uq_location_slug")),
    )
    op.create_table(
        "exception",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("practitioner_id", sa.BigInteger(), nullable=True),
        sa.Column("calendar_slug", sa.Text(), nullable=True),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind = 'closed' or num_nulls(practitioner_id, calendar_slug, location_id) = 0",
            name=op.f("ck_exception_extra_names_who_and_where"),
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_exception_order")),
        sa.ForeignKeyConstraint(["calendar_slug"], ["calendar.slug"], name=op.f("fk_exception_calendar_slug")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_exception_location_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioner.id"], name=op.f("fk_exception_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exception")),
    )
    op.create_index("ix_exception_range", "exception", ["starts_at", "ends_at"], unique=False)
    op.create_table(
        "room",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_room_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_room")),
        sa.UniqueConstraint("slug", name=op.f("uq_room_slug")),
    )
    op.create_table(
        "working_hours",
        sa.Column("practitioner_id", sa.BigInteger(), nullable=False),
        sa.Column("calendar_slug", sa.Text(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("ends > starts", name=op.f("ck_working_hours_order")),
        sa.CheckConstraint("weekday between 0 and 6", name=op.f("ck_working_hours_weekday")),
        sa.ForeignKeyConstraint(["calendar_slug"], ["calendar.slug"], name=op.f("fk_working_hours_calendar_slug")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_working_hours_location_id")),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["practitioner.id"], name=op.f("fk_working_hours_practitioner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_working_hours")),
    )
    op.create_index("ix_working_hours_calendar", "working_hours", ["calendar_slug", "practitioner_id"], unique=False)
