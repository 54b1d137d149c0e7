"""Whose calendar a reading was of, and busy time that only visits in person are kept from.

The mailbox of a practitioner may change, and what was read of the old one then says nothing of the new one. The new
columns have defaults in the database, because the previous release still adds rows without them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column(
        "busy_time", sa.Column("in_person_only", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.add_column("outside_calendar", sa.Column("external_id", sa.Text(), nullable=False, server_default=""))
