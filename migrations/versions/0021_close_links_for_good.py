"""Closing a booking's links also shuts out the browsers they let in: each remembers how often it had happened.

The default is the database's as well, because the previous release still adds rows without the column.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("booking", sa.Column("access_version", sa.Integer(), nullable=False, server_default=sa.text("0")))
