"""The tables of schema `service` as SQLAlchemy sees them; migrations 0002 and 0005 create them.

A test compares this file with what the migrations build, so neither can drift from the other.
"""

from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Integer, MetaData, Table, Text, Uuid
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
)

jti = Table(
    "jti",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", _at, nullable=False),
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
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("answer", JSONB, nullable=False),
    Column("expires_at", _at, nullable=False),
)

lookup_count = Table(
    "lookup_count",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("times", BigInteger, nullable=False),
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
    Column("actor_id", Text),
    Column("actor_role", Text),
    Column("subject_key", Text),
    Column("subject_key_id", Text),
    Column("purpose", Text),
    Column("case_id", Text),
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
)
