"""A sweep asks whether a job is owed already; without an index it would read the whole history each time."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index(
        "ix_outbox_not_done", "outbox", ["dedupe_key"], unique=False, postgresql_where=sa.text("done_at is null")
    )
