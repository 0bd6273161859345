"""The tables of schema `service` as SQLAlchemy sees them; migrations 0002, 0005, 0011 and 0013 to 0019 create them.

A test compares this file with what the migrations build, so neither can drift from the other.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(schema="service")
_at = DateTime(timezone=True)

client = Table(
    "client",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("jwks", JSONB),
    Column("secret_hash", Text),
    Column("status", Text, nullable=False),
    Column("registered_at", _at, nullable=False),
    Column("may_propose", Boolean, nullable=False),
    Column("jwks_url", Text),
    Column("retired_kids", ARRAY(Text), nullable=False),
)

jti = Table(
    "jti",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", _at, nullable=False),
)

question = Table(
    "question",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("transaction_id", Uuid, nullable=False),
    Column("subject_key", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("service_item", Text),
    Column("accessed_at", _at, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_at", _at, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("answered_at", _at),
    Column("answered_by", Text),
    Column("answering_unit", Text),
    Column("answer", LargeBinary),
)

webhook_notice = Table(
    "webhook_notice",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("client_id", Text, ForeignKey("service.client.client_id"), nullable=False),
    Column("changes", ARRAY(BigInteger), nullable=False),
    Column("at", _at, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", _at, nullable=False),
    Column("error", Text),
)

case = Table(
    "case",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("client_id", Text, ForeignKey("service.client.client_id"), nullable=False),
    Column("external_no", Text),
    Column("service_item", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("parties", JSONB, nullable=False),
    Column("registered_at", _at, nullable=False),
    Column("expires_at", _at, nullable=False),
    Column("hall", Text),
    Column("hall_release", Integer),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("expires_at", _at, nullable=False),
)

lookup_count = Table(
    "lookup_count",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("times", BigInteger, nullable=False),
)

claim_miss = Table(
    "claim_miss",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("subject_key", Text, primary_key=True),
    Column("element", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("times", Integer, nullable=False),
)

prefill_outcome = Table(
    "prefill_outcome",
    metadata,
    Column("transaction_id", Uuid, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("element", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("at", _at, nullable=False),
)

correction = Table(
    "correction",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("client_id", Text, ForeignKey("service.client.client_id")),
    Column("case_id", Uuid),
    Column("service_item", Text),
    Column("subject_id", BigInteger, nullable=False),
    Column("element", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("value_digest", Text, nullable=False),
    Column("value_since", _at),
    Column("state", Text, nullable=False),
    Column("filed_at", _at, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("decided_at", _at),
    Column("decided_by", Text),
    Column("decision_reason", Text),
    Column("closed_at", _at),
    Column("checked_release", Integer, nullable=False),
)

change = Table(
    "change",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("client_id", Text, nullable=False),
    Column("transaction_id", Uuid, nullable=False),
    Column("case_id", Text),
    Column("element", Text, nullable=False),
    Column("correction", Uuid, ForeignKey("service.correction.id"), nullable=False),
    Column("at", _at, nullable=False),
)

consent = Table(
    "consent",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("client_id", Text, ForeignKey("service.client.client_id"), nullable=False),
    Column("case_id", Uuid, ForeignKey("service.case.id"), nullable=False),
    Column("service_item", Text, nullable=False),
    Column("subject_key", Text, nullable=False),
    Column("notice", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("notice_digest", Text, nullable=False),
    Column("elements", ARRAY(Text), nullable=False),
    Column("given_by", Text, nullable=False),
    Column("actor_key", Text, nullable=False),
    Column("evidence_digest", Text, nullable=False),
    Column("given_at", _at, nullable=False),
    Column("withdrawn_at", _at),
    Column("withdrawn_by", Text),
)

declared = Table(
    "declared",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subject_key", Text, nullable=False),
    Column("element", Text, nullable=False),
    Column("client_id", Text, ForeignKey("service.client.client_id"), nullable=False),
    Column("case_id", Uuid, ForeignKey("service.case.id"), nullable=False),
    Column("service_item", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("declared_at", _at, nullable=False),
    Column("confirmed_at", _at, nullable=False),
    Column("ended_at", _at),
    Column("ended_by", Text),
    Column("verified_by", Text),
    Column("verified_at", _at),
    Column("evidence_digest", Text),
)

record = Table(
    "record",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("transaction_id", Uuid, nullable=False, unique=True),
    Column("logtime", _at, nullable=False),
    Column("action", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("receiver_unit", Text, nullable=False),
    Column("receiver_name", Text, nullable=False),
    Column("purpose", Text),
    Column("ground", Text),
    Column("elements", ARRAY(Text), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("request_digest", Text, nullable=False),
    Column("response_digest", Text, nullable=False),
    Column("release", Integer),
    Column("confidentiality", Text, nullable=False),
    Column("retention_until", _at, nullable=False),
    Column("leaf_hash", Text, nullable=False),
    Column("detail_hash", Text, nullable=False),
)

record_detail = Table(
    "record_detail",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("salt", Text, nullable=False),
    Column("actor_id", Text),
    Column("actor_role", Text),
    Column("subject_key", Text),
    Column("subject_key_id", Text),
    Column("case_id", Text),
)

record_node = Table(
    "record_node",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

record_checkpoint = Table(
    "record_checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", _at, nullable=False),
)
