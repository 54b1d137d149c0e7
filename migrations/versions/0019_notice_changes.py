"""A mark for each change that open times, or pages of the catalogue, follow from: what was read can be used again until
there is another.

Each statement adds a row of its own instead of raising a number: two bookings at once never wait for each other.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

WATCHED = {
    "times": {
        # Of a booking only what takes time; its names and states of payment change far more often.
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
    },
    "catalogue": {
        "service": "",
        "appointment_type": "",
        "price": "",
        "cancellation_policy": "",
        "setting": "",
        "form_definition": "",
    },
}


def upgrade() -> None:
    op.create_table(
        "change_mark",
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_mark")),
    )
    op.execute(
        """
        create function mark_change() returns trigger language plpgsql as $$
        begin
            insert into change_mark (about, mark) values (tg_argv[0], (random() * 9e18)::bigint);
            return null;
        end $$
        """
    )
    for about, tables in WATCHED.items():
        for table, columns in tables.items():
            op.execute(
                f'create trigger mark_change after insert or delete or truncate or update {columns} on "{table}" '
                f"for each statement execute function mark_change('{about}')"
            )
        op.execute(f"insert into change_mark (about, mark) values ('{about}', (random() * 9e18)::bigint)")  # noqa: S608
