"""Two records of one person can be joined by the desk, and parted again; what is two people stays remembered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("patient", sa.Column("merged_into_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_patient_merged_into_id"), "patient", "patient", ["merged_into_id"], ["id"])
    op.create_index(op.f("ix_patient_merged_into_id"), "patient", ["merged_into_id"], unique=False)
    op.create_table(
        "patient_merge",
        sa.Column("gone_id", sa.BigInteger(), nullable=False),
        sa.Column("kept_id", sa.BigInteger(), nullable=False),
        sa.Column("moved", JSONB(), nullable=False),
        sa.Column("took_medirecords_id", sa.Boolean(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by_id", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gone_id"], ["patient.id"], name=op.f("fk_patient_merge_gone_id")),
        sa.ForeignKeyConstraint(["kept_id"], ["patient.id"], name=op.f("fk_patient_merge_kept_id")),
        sa.ForeignKeyConstraint(["merged_by_id"], ["staff_member.id"], name=op.f("fk_patient_merge_merged_by_id")),
        sa.ForeignKeyConstraint(["undone_by_id"], ["staff_member.id"], name=op.f("fk_patient_merge_undone_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_merge")),
    )
    op.create_index(op.f("ix_patient_merge_kept_id"), "patient_merge", ["kept_id"], unique=False)
    op.create_index(
        "uq_patient_merge_open",
        "patient_merge",
        ["gone_id"],
        unique=True,
        postgresql_where=sa.text("undone_at is null"),
    )
    op.create_table(
        "patient_distinction",
        sa.Column("one_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_patient_distinction_order")),
        sa.ForeignKeyConstraint(["one_id"], ["patient.id"], name=op.f("fk_patient_distinction_one_id")),
        sa.ForeignKeyConstraint(["other_id"], ["patient.id"], name=op.f("fk_patient_distinction_other_id")),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["staff_member.id"], name=op.f("fk_patient_distinction_decided_by_id")
        ),
        sa.PrimaryKeyConstraint("one_id", "other_id", name=op.f("pk_patient_distinction")),
    )
