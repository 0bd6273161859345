"""The control tables of schema `yici` as SQLAlchemy sees them; the migrations create them.

A test compares this file with what the migrations build, so neither can drift from the other.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(schema="yici")
_at = DateTime(timezone=True)

catalog_version = Table(
    "catalog_version",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("at", _at, nullable=False),
    Column("files", LargeBinary, nullable=False),
)

proposal = Table(
    "proposal",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("base", Integer, nullable=False),
    Column("edits", JSONB, nullable=False),
    Column("notes", JSONB, nullable=False),
    Column("route", JSONB, nullable=False),
    Column("told", JSONB, nullable=False),
    Column("effective_on", Date),
    Column("rolls_back_to", Integer),
    Column("state", Text, nullable=False),
    Column("at", _at, nullable=False),
    Column("changed_at", _at, nullable=False),
)

proposal_event = Table(
    "proposal_event",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("proposal", Integer, ForeignKey("yici.proposal.number"), nullable=False),
    Column("at", _at, nullable=False),
    Column("on_day", Date, nullable=False),
    Column("event", Text, nullable=False),
    Column("post", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("steps", ARRAY(Integer), nullable=False),
    Column("opinion", Text, nullable=False),
    Column("seal", Text, nullable=False, server_default=""),
)

catalog_publication = Table(
    "catalog_publication",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("catalog_version", Integer, ForeignKey("yici.catalog_version.id"), nullable=False),
    Column("at", _at, nullable=False),
    Column("origin", Text, nullable=False),
    Column("proposal", Integer, ForeignKey("yici.proposal.number")),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
)

extract = Table(
    "extract",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("resource", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("mode", Text, nullable=False),
    Column("scope", JSONB, nullable=False),
    Column("taken_at", _at, nullable=False),
    Column("finished_at", _at, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("excluded_rows", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("contract_version", Text, nullable=False),
    Column("contract_hash", Text, nullable=False),
    Column("watermark_from", Text),
    Column("watermark_to", Text),
    Column("source_digest", Text),
    Column("state", Text, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("extra_columns", ARRAY(Text)),
    Column("removed_at", _at),
    UniqueConstraint("resource", "ordinal"),
)

system_failure = Table(
    "system_failure",
    metadata,
    Column("system", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at", _at, nullable=False),
    Column("paused_until", _at),
    Column("reason", Text, nullable=False),
)

release = Table(
    "release",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("opened_at", _at, nullable=False),
    Column("published_at", _at),
    Column("catalog_version", Integer, ForeignKey("yici.catalog_version.id"), nullable=False),
    Column("code_version", Text, nullable=False),
    Column("note", Text),
    Column("pruned_at", _at),
)

release_resource = Table(
    "release_resource",
    metadata,
    Column("release", Integer, ForeignKey("yici.release.id"), primary_key=True),
    Column("resource", Text, primary_key=True),
    Column("extract_id", BigInteger, ForeignKey("yici.extract.id")),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("rows_in", BigInteger, nullable=False),
    Column("admitted", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("inserted", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("judged", ARRAY(BigInteger), nullable=False),
)

current_release = Table(
    "current_release",
    metadata,
    Column("singleton", Boolean, primary_key=True),
    Column("release", Integer, ForeignKey("yici.release.id"), nullable=False),
    Column("at", _at, nullable=False),
)

measured = Table(
    "measured",
    metadata,
    Column("release", Integer, ForeignKey("yici.release.id"), primary_key=True, autoincrement=False),
    Column("at", _at, nullable=False),
    Column("figures", JSONB, nullable=False),
)

distribution = Table(
    "distribution",
    metadata,
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("resource", Text, primary_key=True),
    Column("at", _at, nullable=False),
    Column("measured", JSONB, nullable=False),
)

mart = Table(
    "mart",
    metadata,
    Column("release", Integer, ForeignKey("yici.release.id"), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("build", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
)

finding = Table(
    "finding",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("release", Integer),
    Column("extract_id", BigInteger),
    Column("resource", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("dimension", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("rows_failed", BigInteger, nullable=False),
    Column("rows_total", BigInteger),
    Column("detail", Text),
    Column("at", _at, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("resource", Text, nullable=False),
    Column("row_digest", Text, nullable=False),
    Column("extract_id", BigInteger, nullable=False),
    Column("partition", Text),
    Column("key_text", Text),
    Column("rules", ARRAY(Text), nullable=False),
    Column("row", Text, nullable=False),
    Column("_from", Integer, nullable=False),
    Column("_to", Integer),
    Column("judged_by", Text),
    Column("settled", Text),
    Column("sealed", Boolean, nullable=False),
)

quarantine_decision = Table(
    "quarantine_decision",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("at", _at, nullable=False),
    Column("kind", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("extract_id", BigInteger, nullable=False),
    Column("row_digest", Text),
    Column("rules", ARRAY(Text), nullable=False),
    Column("row", Text),
    Column("post", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("outcome", Text),
    Column("_from", Integer),
    Column("sealed", Boolean, nullable=False),
)

store_key = Table(
    "store_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("proof", Text, nullable=False),
    Column("made_at", _at, nullable=False),
    Column("destroyed_at", _at),
)

sealed_column = Table(
    "sealed_column",
    metadata,
    Column("table_name", Text, primary_key=True),
    Column("column_name", Text, primary_key=True),
    Column("context", Text, nullable=False),
    Column("type", Text, nullable=False),
)

quarantine_look = Table(
    "quarantine_look",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("at", _at, nullable=False),
    Column("kind", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("post", Text, nullable=False),
    Column("person", Text, nullable=False),
)

subject = Table(
    "subject",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("type", Text, nullable=False),
    Column("minted_release", Integer, nullable=False),
)

link = Table(
    "link",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("subject_id", BigInteger, ForeignKey("yici.subject.id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("id_type", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("name_digest", Text),
    Column("source", Text, nullable=False),
    Column("_from", Integer, nullable=False),
    Column("_to", Integer),
)

identity_review = Table(
    "identity_review",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("release", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject_a", BigInteger, nullable=False),
    Column("subject_b", BigInteger, nullable=False),
    Column("resource", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", _at, nullable=False),
    Column("weight", Double),
    Column("evidence", JSONB),
    Column("closed_release", Integer),
    UniqueConstraint("type", "subject_a", "subject_b", "reason"),
)

identity_event = Table(
    "identity_event",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("release", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("gone", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", _at, nullable=False),
    Column("decision", BigInteger),
    Column("undoes", BigInteger),
)

identity_decision = Table(
    "identity_decision",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("review", BigInteger),
    Column("subject_a", BigInteger),
    Column("subject_b", BigInteger),
    Column("links", ARRAY(BigInteger)),
    Column("event", BigInteger),
    Column("post", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", _at, nullable=False),
)

identity_sight = Table(
    "identity_sight",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("review", BigInteger),
    Column("subjects", ARRAY(BigInteger), nullable=False),
    Column("post", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("at", _at, nullable=False),
)

identity_pair = Table(
    "identity_pair",
    metadata,
    Column("subject_a", BigInteger, primary_key=True),
    Column("subject_b", BigInteger, primary_key=True),
    Column("resource", Text, nullable=False),
    Column("weight", Double, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("release", Integer, nullable=False),
)

identity_search = Table(
    "identity_search",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("release", Integer, nullable=False),
    Column("at", _at, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("new", BigInteger, nullable=False),
    Column("pairs", BigInteger, nullable=False),
)

deletion = Table(
    "deletion",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("begun_at", _at, nullable=False),
    Column("done_at", _at),
    Column("ordered_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("resource", Text),
    Column("horizon", _at),
    Column("horizon_release", Integer),
    Column("counts", JSONB, nullable=False),
    Column("digests", JSONB, nullable=False),
    Column("pending", JSONB),
)
