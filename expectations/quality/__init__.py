"""From findings to consequences: how every rule stands, scores, tickets, reports, random samples, notices.

Belongs here: what follows from findings for the people who answer for data. Pure decisions (`standing`, `scores`,
`tickets`, `sampling`, `freezing`) apart from what reads and keeps them (`kept`, `desk`, `draws`, `frozen`, `outbox`).
Does not belong here: judging rows or extracts (the rest of expectations), deciding a release (pipelines).
In: `yici.finding`, quarantine, the ledger, the catalog's calendar, units and `campus.yaml: quality`.
Out: `yici.rule_state`, `yici.score`, tickets, frozen scores, reports as files, e-mails. Counts, never a value.
"""
