"""Drafts of the catalogue, what a version was made for, and questions to MediRecords about its mapping."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("catalogue_version", sa.Column("note", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "catalogue_draft",
        sa.Column("staff_member_id", sa.BigInteger(), nullable=False),
        sa.Column("base", postgresql.JSONB(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("imported", postgresql.JSONB(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_member_id"], ["staff_member.id"], name=op.f("fk_catalogue_draft_staff_member_id")
        ),
        sa.PrimaryKeyConstraint("staff_member_id", name=op.f("pk_catalogue_draft")),
    )
    op.create_table(
        "mapping_check",
        sa.Column("staff_member_id", sa.BigInteger(), nullable=False),
        sa.Column("service_slug", sa.Text(), nullable=False),
        sa.Column("wanted", postgresql.JSONB(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("findings", postgresql.JSONB(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_member_id"], ["staff_member.id"], name=op.f("fk_mapping_check_staff_member_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_check")),
    )
    op.create_index(op.f("ix_mapping_check_staff_member_id"), "mapping_check", ["staff_member_id"], unique=False)
