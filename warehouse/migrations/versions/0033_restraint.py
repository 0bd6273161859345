"""Approvals of proposals carry a seal that who only has a role of the database cannot make.

What was approved before this migration is trusted as it stands, and sealed.
"""

from alembic import op
from sqlalchemy import text

from catalogs.changes.edits import Edit
from catalogs.settings import settings
from warehouse.decision_seals import seal

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE yici.proposal_event ADD COLUMN seal text NOT NULL DEFAULT ''")
    con = op.get_bind()
    approvals = con.execute(
        text(
            """SELECT e.id, e.proposal, p.edits, e.post, e.person, e.steps, e.on_day FROM yici.proposal_event e
               JOIN yici.proposal p ON p.number = e.proposal
               WHERE e.event = 'approved' AND p.state IN ('proposed', 'decided')"""
        )
    ).all()
    op.execute("ALTER TABLE yici.proposal_event DISABLE TRIGGER keep")
    for id_, number, edits, post, person, steps, on_day in approvals:
        made = seal(settings().home, number, [Edit(**one) for one in edits], post, person, steps, on_day)
        con.execute(
            text("UPDATE yici.proposal_event SET seal = :seal WHERE id = :id"), {"seal": made, "id": id_}
        )
    op.execute("ALTER TABLE yici.proposal_event ENABLE TRIGGER keep")


def downgrade() -> None:
    op.execute("ALTER TABLE yici.proposal_event DROP COLUMN seal")
