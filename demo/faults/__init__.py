"""Faults on purpose: every kind that QUALITY's table names, put into the systems of a built campus.

Belongs here: the list of kinds, and how each comes into a source as real accidents do.
Does not belong here: whether anybody notices. The labels that are written are for the scoreboard alone.
In: a built campus, a rate and a seed. Out: spoiled sources, and a file that says what was spoiled where.
"""
