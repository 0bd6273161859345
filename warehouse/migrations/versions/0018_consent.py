"""What people consented to, for which case and text, and when they took it back."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.consent (
    id uuid PRIMARY KEY,
    client_id text NOT NULL REFERENCES service.client,
    case_id uuid NOT NULL REFERENCES service."case",
    service_item text NOT NULL,
    subject_key text NOT NULL,
    notice text NOT NULL,
    version text NOT NULL,
    notice_digest text NOT NULL,
    elements text[] NOT NULL,
    given_by text NOT NULL CHECK (given_by IN ('subject', 'guardian')),
    actor_key text NOT NULL,
    evidence_digest text NOT NULL,
    given_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    withdrawn_by text
);
CREATE INDEX consent_case ON service.consent (case_id);
CREATE INDEX consent_subject ON service.consent (subject_key, given_at);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT ON service.consent TO yici_service;
        GRANT UPDATE (withdrawn_at, withdrawn_by) ON service.consent TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.consent")
