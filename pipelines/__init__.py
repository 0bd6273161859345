"""ORCHESTRATE: when things run, in what order, and what is reported; nothing about what they do.

Belongs here: Dagster assets, checks, jobs, schedules, sensors and resources, all made from the catalog.
Does not belong here: rules, SQL, reading or judging rows; Dagster stays out of every other room.
In: the campus's catalog, systems and landed extracts.
Out: landed extracts, published releases, asset checks.
"""
