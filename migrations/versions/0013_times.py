"""Holidays, busy time from outside, who offers what, caps, and where a start's grid begins.

The new columns have defaults in the database, because the previous release still adds rows without them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("location", sa.Column("state", sa.Text(), nullable=False, server_default="NSW"))
    op.add_column("practitioner", sa.Column("daily_cap", sa.Integer(), nullable=True))
    op.add_column(
        "appointment_type", sa.Column("start_alignment", sa.String(40), nullable=False, server_default="clock")
    )
    op.add_column("booking", sa.Column("chosen_because", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "type_practitioner",
        sa.Column("type_id", sa.BigInteger(), nullable=False),
        sa.Column("practitioner_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["type_id"], ["appointment_type.id"], name=op.f("fk_type_practitioner_type_id")),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["practitioner.id"], name=op.f("fk_type_practitioner_practitioner_id")
        ),
        sa.PrimaryKeyConstraint("type_id", "practitioner_id", name=op.f("pk_type_practitioner")),
    )
    op.create_table(
        "holiday",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("is_kept", sa.Boolean(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("num_nonnulls(state, location_id) = 1", name=op.f("ck_holiday_is_somewhere")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_holiday_location_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holiday")),
        sa.UniqueConstraint("day", "location_id", name=op.f("uq_holiday_day_location_id")),
        sa.UniqueConstraint("day", "state", name=op.f("uq_holiday_day_state")),
    )
    op.create_table(
        "busy_time",
        sa.Column("practitioner_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_busy_time_order")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioner.id"], name=op.f("fk_busy_time_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_busy_time")),
        sa.UniqueConstraint(
            "practitioner_id",
            "source",
            "external_id",
            name=op.f("uq_busy_time_practitioner_id_source_external_id"),
        ),
    )
    op.create_index("ix_busy_time_range", "busy_time", ["starts_at", "ends_at"], unique=False)
    op.create_table(
        "outside_calendar",
        sa.Column("practitioner_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("window_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delta_link", sa.Text(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("unknown_from", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["practitioner.id"], name=op.f("fk_outside_calendar_practitioner_id")
        ),
        sa.PrimaryKeyConstraint("practitioner_id", "source", name=op.f("pk_outside_calendar")),
    )
