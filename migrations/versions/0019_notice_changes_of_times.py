"""A mark for each change that open times follow from, so that a reading can be used again until there is another.

Each statement adds a row of its own instead of raising a number: two bookings at once never wait for each other.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

# Of a booking only what takes time; its names and states of payment change far more often.
WATCHED = {
    "booking": "of status, starts_at, ends_at, blocked, hold_expires_at, practitioner_id, room_id",
    "working_hours": "",
    "exception": "",
    "holiday": "",
    "busy_time": "",
    "outside_calendar": "of failed_at, read_at, unknown_from",
    "practitioner": "",
    "type_practitioner": "",
    "location": "",
    "room": "",
}


def upgrade() -> None:
    op.create_table(
        "schedule_change",
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_change")),
    )
    op.execute(
        """
        create function mark_schedule_change() returns trigger language plpgsql as $$
        begin
            insert into schedule_change (mark) values ((random() * 9e18)::bigint);
            return null;
        end $$
        """
    )
    for table, columns in WATCHED.items():
        op.execute(
            f'create trigger mark_schedule_change after insert or delete or truncate or update {columns} on "{table}" '
            "for each statement execute function mark_schedule_change()"
        )
    op.execute("insert into schedule_change (mark) values ((random() * 9e18)::bigint)")
