"""Other times that the clinic offers for a visit that it cannot keep, such as on a day that it has to close."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "offer",
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("booking_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_hash", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_offer_booking_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_offer_token_hash")),
    )
    op.create_index(op.f("ix_offer_booking_id"), "offer", ["booking_id"], unique=False)
    op.create_index("uq_offer_open", "offer", ["booking_id"], unique=True, postgresql_where=sa.text("state = 'open'"))
    op.create_index(
        "ix_offer_waiting", "offer", ["expires_at"], unique=False, postgresql_where=sa.text("state = 'open'")
    )
