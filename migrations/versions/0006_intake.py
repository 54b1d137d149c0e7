"""Forms answered for a booking; answers are sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "intake",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("booking_id", sa.BigInteger(), nullable=False),
        sa.Column("form_definition_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("fk_intake_booking_id")),
        sa.ForeignKeyConstraint(
            ["form_definition_id"], ["form_definition.id"], name=op.f("fk_intake_form_definition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake")),
        sa.UniqueConstraint("booking_id", "form_definition_id", name=op.f("uq_intake_booking_id_form_definition_id")),
        sa.UniqueConstraint("key", name=op.f("uq_intake_key")),
    )
    op.create_table(
        "intake_answer",
        sa.Column("intake_id", sa.BigInteger(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["intake_id"], ["intake.id"], name=op.f("fk_intake_answer_intake_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake_answer")),
        sa.UniqueConstraint("intake_id", "question", name=op.f("uq_intake_answer_intake_id_question")),
    )
