"""STORE: the PostgreSQL that everything lives in.

Belongs here: the embedded or external server and its roles, migrations, versioned rows, identity, releases.
Does not: how a source is read (connectors), whether a row is right (expectations), what it means (dbt_project).
In: admitted rows of an extract, decisions, links. Out: connections pinned to a release, and the ledger.
"""
