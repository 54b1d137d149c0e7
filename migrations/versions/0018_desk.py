"""The latest change by staff, which can be taken back; notes of staff; waived fees; and payments taken at the clinic.

New columns have defaults in the database, because the previous release still adds rows without them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("booking", sa.Column("fee_waived", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("payment", sa.Column("method", sa.String(40), nullable=False, server_default="card"))
    op.create_table(
        "staff_change",
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made_by_id", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_staff_change_booking_id")),
        sa.ForeignKeyConstraint(["made_by_id"], ["staff_member.id"], name=op.f("fk_staff_change_made_by_id")),
        sa.PrimaryKeyConstraint("booking_id", name=op.f("pk_staff_change")),
    )
    op.create_table(
        "booking_note",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("written_by_id", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_booking_note_booking_id")),
        sa.ForeignKeyConstraint(["written_by_id"], ["staff_member.id"], name=op.f("fk_booking_note_written_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_note")),
        sa.UniqueConstraint("key", name=op.f("uq_booking_note_key")),
    )
    op.create_index(op.f("ix_booking_note_booking_id"), "booking_note", ["booking_id"], unique=False)
