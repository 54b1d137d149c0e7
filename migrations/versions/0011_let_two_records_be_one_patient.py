"""Somebody who comes back with a new e-mail address is a second patient here and the same one in MediRecords."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.drop_constraint("uq_patient_medirecords_id", "patient", type_="unique")
    op.create_index("ix_patient_medirecords_id", "patient", ["medirecords_id"], unique=False)
