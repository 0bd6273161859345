"""Service systems that may propose changes of the catalog, and that the service can never decide one.

The service's role writes proposals, and only those whose author is a client; it can say of them that they were
drafted, proposed, withdrawn, or refused by the rule that needs nobody. Row-level security holds it to that, whatever
the service's code does.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE service.client ADD COLUMN may_propose boolean NOT NULL DEFAULT false;
CREATE INDEX proposal_author ON yici.proposal (author);
ALTER TABLE yici.proposal ENABLE ROW LEVEL SECURITY;
ALTER TABLE yici.proposal_event ENABLE ROW LEVEL SECURITY;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT INSERT, UPDATE (state, changed_at) ON yici.proposal TO yici_service;
        GRANT INSERT ON yici.proposal_event TO yici_service;
        CREATE POLICY of_clients ON yici.proposal TO yici_service
            USING (author LIKE 'client:%')
            WITH CHECK (author LIKE 'client:%' AND state IN ('draft', 'proposed', 'withdrawn', 'refused'));
        CREATE POLICY of_clients_read ON yici.proposal_event FOR SELECT TO yici_service
            USING (EXISTS (SELECT FROM yici.proposal p WHERE p.number = proposal));
        CREATE POLICY of_clients_write ON yici.proposal_event FOR INSERT TO yici_service
            WITH CHECK (event IN ('drafted', 'proposed', 'withdrawn', 'refused') AND steps = '{}'
                AND (post LIKE 'client:%' OR (event = 'refused' AND post = ''))
                AND EXISTS (SELECT FROM yici.proposal p WHERE p.number = proposal));
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
                DROP POLICY of_clients ON yici.proposal;
                DROP POLICY of_clients_read ON yici.proposal_event;
                DROP POLICY of_clients_write ON yici.proposal_event;
                REVOKE INSERT, UPDATE (state, changed_at) ON yici.proposal FROM yici_service;
                REVOKE INSERT ON yici.proposal_event FROM yici_service;
            END IF;
        END $$;
        DROP INDEX yici.proposal_author;
        ALTER TABLE yici.proposal DISABLE ROW LEVEL SECURITY;
        ALTER TABLE yici.proposal_event DISABLE ROW LEVEL SECURITY;
        ALTER TABLE service.client DROP COLUMN may_propose;
        """
    )
