"""Practitioners and patients."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "patient",
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("preferred_name", sa.Text(), nullable=False),
        sa.Column("born_on", sa.Date(), nullable=False),
        sa.Column("gender", sa.String(40), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("mobile", sa.Text(), nullable=False),
        sa.Column("mobile_as_typed", sa.Text(), nullable=False),
        sa.Column("medirecords_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("medirecords_id", name=op.f("uq_patient_medirecords_id")),
    )
    op.create_index("ix_patient_email", "patient", [sa.literal_column("lower(email)")], unique=False)
    op.create_index("ix_patient_name", "patient", [sa.literal_column("lower(family_name)"), "born_on"], unique=False)
    op.create_table(
        "practitioner",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("profession", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("registration", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("graph_user_id", sa.Text(), nullable=True),
        sa.Column("medirecords_provider_id", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practitioner")),
        sa.UniqueConstraint("graph_user_id", name=op.f("uq_practitioner_graph_user_id")),
        sa.UniqueConstraint("medirecords_provider_id", name=op.f("uq_practitioner_medirecords_provider_id")),
        sa.UniqueConstraint("slug", name=op.f("uq_practitioner_slug")),
    )
