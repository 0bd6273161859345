"""VERIFY: what a source sent and what we are about to serve is plausible, row by row and as a whole.

Belongs here: admission (rows → store or quarantine), suites over a whole resource, rules between systems.
Does not belong here: reading a source, deciding a release (pipelines), business rules on rows (dbt_project).
In: extracts in the landing zone; the store as a candidate sees it; contracts and rules between systems.
Out: findings and checks: rule, dimension, severity and counts, never a value of a person.
"""
