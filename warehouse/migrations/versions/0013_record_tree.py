"""The record as a tree: who and which case apart from what is proven, inner hashes, signed checkpoints.

An entry's leaf covers a salted hash of its details, so that they can be deleted when their time is over and every proof
stays valid. Entries written before are hashed anew: no checkpoint was ever signed over them.
"""

import hashlib
import json
import secrets

from alembic import op
from sqlalchemy import text

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_DETAILS = ("actor_id", "actor_role", "subject_key", "subject_key_id", "case_id")

SQL = """
CREATE TABLE service.record_detail (
    seq bigint PRIMARY KEY REFERENCES service.record,
    salt text NOT NULL,
    actor_id text,
    actor_role text,
    subject_key text,
    subject_key_id text,
    case_id text
);
CREATE TABLE service.record_node (
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (level, index)
);
CREATE TABLE service.record_checkpoint (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    note text NOT NULL,
    at timestamptz NOT NULL
);
ALTER TABLE service.record ADD COLUMN detail_hash text;
"""

MOVED = """
DROP INDEX service.record_subject;
ALTER TABLE service.record
    DROP COLUMN actor_id, DROP COLUMN actor_role, DROP COLUMN subject_key, DROP COLUMN subject_key_id,
    DROP COLUMN case_id, ALTER COLUMN detail_hash SET NOT NULL;
CREATE INDEX record_detail_subject ON service.record_detail (subject_key, seq);
CREATE INDEX record_retained ON service.record (retention_until);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT ON service.record_detail, service.record_node, service.record_checkpoint TO yici_service;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_retention') THEN
        GRANT USAGE ON SCHEMA service TO yici_retention;
        GRANT SELECT (seq, retention_until) ON service.record TO yici_retention;
        GRANT SELECT (seq), DELETE ON service.record_detail TO yici_retention;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)
    _rehash()
    op.execute(MOVED)


def downgrade() -> None:
    raise NotImplementedError(
        "signed checkpoints cannot be unsigned; restore the backup made before the upgrade"
    )


def _rehash() -> None:
    con = op.get_bind()
    rows = con.execute(text("SELECT to_jsonb(r) FROM service.record r ORDER BY seq")).scalars().all()
    for row in rows:
        entry = {name: value for name, value in row.items() if name not in ("leaf_hash", "detail_hash")}
        for name in ("logtime", "retention_until"):
            entry[name] = _utc(con, entry[name])
        salt = secrets.token_hex(16)
        details = {name: entry.pop(name) for name in _DETAILS} | {"salt": salt, "seq": entry["seq"]}
        entry["detail_hash"] = hashlib.sha256(_canonical(details)).hexdigest()
        leaf = hashlib.sha256(b"\x00" + _canonical(entry)).hexdigest()
        con.execute(
            text(
                "INSERT INTO service.record_detail (seq, salt, actor_id, actor_role, subject_key, subject_key_id,"
                " case_id) VALUES (:seq, :salt, :actor_id, :actor_role, :subject_key, :subject_key_id, :case_id)"
            ),
            details,
        )
        con.execute(
            text("UPDATE service.record SET detail_hash = :detail, leaf_hash = :leaf WHERE seq = :seq"),
            {"detail": entry["detail_hash"], "leaf": leaf, "seq": entry["seq"]},
        )


def _utc(con, written: str) -> str:
    moment = con.execute(
        text("SELECT to_char(CAST(:at AS timestamptz) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"),
        {"at": written},
    ).scalar()
    return f"{moment}+00:00"


def _canonical(value: dict) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
