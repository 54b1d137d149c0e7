"""One network may hold so many times at once and no more. It is kept as a keyed hash, which cannot be read back."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("booking", sa.Column("held_from", sa.Text(), server_default="", nullable=False))
