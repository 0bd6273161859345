"""Jobs: bulk answers, kept encrypted until they are fetched; what was destroyed of what tasks were given."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.job (
    id uuid PRIMARY KEY,
    client_id text NOT NULL REFERENCES service.client,
    request jsonb NOT NULL,
    items integer NOT NULL,
    done integer NOT NULL DEFAULT 0,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'cancelled', 'stopped')),
    code text,
    release integer,
    filed_at timestamptz NOT NULL,
    began_at timestamptz,
    ended_at timestamptz,
    fetched_at timestamptz,
    delete_at timestamptz NOT NULL
);
CREATE INDEX job_open ON service.job (filed_at) WHERE state IN ('waiting', 'running');
CREATE INDEX job_deleted ON service.job (delete_at);
CREATE TABLE service.job_part (
    job uuid NOT NULL REFERENCES service.job ON DELETE CASCADE,
    part integer NOT NULL,
    first integer NOT NULL,
    asked bytea NOT NULL,
    answered bytea,
    PRIMARY KEY (job, part)
);
CREATE TABLE service.task_answer (
    client_id text NOT NULL REFERENCES service.client,
    demand_id text NOT NULL,
    period text NOT NULL,
    release integer NOT NULL,
    at timestamptz NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (client_id, demand_id, period)
);
CREATE TABLE service.task_destroyed (
    client_id text NOT NULL REFERENCES service.client,
    demand_id text NOT NULL,
    destroyed_on date NOT NULL,
    how text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (client_id, demand_id)
);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT, DELETE ON service.job, service.job_part TO yici_service;
        GRANT UPDATE (done, state, code, release, began_at, ended_at, fetched_at, delete_at) ON service.job
            TO yici_service;
        GRANT UPDATE (answered) ON service.job_part TO yici_service;
        GRANT SELECT, INSERT, DELETE ON service.task_answer TO yici_service;
        GRANT SELECT, INSERT ON service.task_destroyed TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.task_destroyed, service.task_answer, service.job_part, service.job")
