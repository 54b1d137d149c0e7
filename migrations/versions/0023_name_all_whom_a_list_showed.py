"""A look at a list is one entry of the audit, and names all whom the list showed: to be found by each."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("audit_entry", sa.Column("patient_ids", sa.ARRAY(sa.BigInteger()), nullable=True))
    op.create_index(
        "ix_audit_entry_patient_ids",
        "audit_entry",
        ["patient_ids"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("patient_ids is not null"),
    )
