"""Why a visit stands against the rules may tell of health: the row keeps a mark, and no longer the words.

New reasons are sealed notes. Those of before stay readable where they always were as well: sealed, in the audit.
"""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("update booking set overlap_reason = 'in the audit' where overlap_reason <> ''")
    op.execute("""
        update staff_change set before = jsonb_set(before, '{overlap_reason}', '"in the audit"')
        where before ->> 'overlap_reason' <> ''
    """)
