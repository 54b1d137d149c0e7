"""Bookings, guarded against overlap by two exclusion constraints (design D2), their history and links."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "booking",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("appointment_type_id", sa.BigInteger(), nullable=False),
        sa.Column("practitioner_id", sa.BigInteger(), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("room_id", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hold_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("terms", postgresql.JSONB(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("overlap_allowed", sa.Boolean(), nullable=False),
        sa.Column("overlap_reason", sa.Text(), nullable=False),
        sa.Column("moves_booking_id", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("booked_for", sa.String(40), nullable=False),
        sa.Column("booked_by", sa.Text(), nullable=False),
        sa.Column("says_new", sa.Boolean(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(practitioner_id, practitioner_id, '[]')"), "&&"),
            (sa.column("blocked"), "&&"),
            where=sa.text(
                "status in ('arrived', 'awaiting_payment', 'completed', 'confirmed', 'held', 'in_session')"
                " and not overlap_allowed"
            ),
            using="gist",
            name="no_overlap_of_practitioner",
        ),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(room_id, room_id, '[]')"), "&&"),
            (sa.column("blocked"), "&&"),
            where=sa.text(
                "room_id is not null"
                " and status in ('arrived', 'awaiting_payment', 'completed', 'confirmed', 'held', 'in_session')"
                " and not overlap_allowed"
            ),
            using="gist",
            name="no_overlap_of_room",
        ),
        sa.CheckConstraint(
            "not (status in ('awaiting_payment', 'held')) or hold_expires_at is not null",
            name=op.f("ck_booking_waiting_has_deadline"),
        ),
        sa.CheckConstraint("not overlap_allowed or overlap_reason <> ''", name=op.f("ck_booking_overlap_has_reason")),
        sa.CheckConstraint("blocked @> tstzrange(starts_at, ends_at)", name=op.f("ck_booking_blocked_holds_visit")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_booking_order")),
        sa.ForeignKeyConstraint(
            ["appointment_type_id"], ["appointment_type.id"], name=op.f("fk_booking_appointment_type_id")
        ),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_booking_location_id")),
        sa.ForeignKeyConstraint(["moves_booking_id"], ["booking.id"], name=op.f("fk_booking_moves_booking_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_booking_patient_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioner.id"], name=op.f("fk_booking_practitioner_id")),
        sa.ForeignKeyConstraint(["room_id"], ["room.id"], name=op.f("fk_booking_room_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking")),
        sa.UniqueConstraint("reference", name=op.f("uq_booking_reference")),
    )
    op.create_index(op.f("ix_booking_patient_id"), "booking", ["patient_id"], unique=False)
    op.create_index("ix_booking_practitioner_starts_at", "booking", ["practitioner_id", "starts_at"], unique=False)
    op.create_index(
        "ix_booking_waiting",
        "booking",
        ["hold_expires_at"],
        unique=False,
        postgresql_where=sa.text("status in ('awaiting_payment', 'held')"),
    )
    op.create_table(
        "booking_event",
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_booking_event_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_event")),
    )
    op.create_index(op.f("ix_booking_event_booking_id"), "booking_event", ["booking_id"], unique=False)
    op.create_table(
        "link_token",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("made_for", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_link_token_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_link_token_token_hash")),
    )
    op.create_index(op.f("ix_link_token_booking_id"), "link_token", ["booking_id"], unique=False)
    op.create_table(
        "staff_task",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_staff_task_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_task")),
    )
    op.create_index(op.f("ix_staff_task_booking_id"), "staff_task", ["booking_id"], unique=False)
    op.create_index(
        "uq_staff_task_open_key", "staff_task", ["key"], unique=True, postgresql_where=sa.text("done_at is null")
    )
    # History is written once; a mistake is mended by a further row.
    op.execute(
        """
        create function refuse_change() returns trigger language plpgsql as $$
        begin raise exception '% rows are only ever added', tg_table_name; end $$
        """
    )
    op.execute(
        "create trigger only_added before update or delete on booking_event"
        " for each row execute function refuse_change()"
    )
