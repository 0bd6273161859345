"""SERVE: verified facts over HTTP, for granted purposes and registered cases, on record.

Belongs here: facts, grants at work, cases, the record, the HTTP API and pages.
Does not belong here: how rows got into the warehouse, and any rule about rows.
In: the current release and the catalog version that it was published with.
Out: answers with provenance, refusals with a reason, one record entry per decision.
"""
