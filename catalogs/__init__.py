"""GOVERN: what the university shares, from whom, how often, how good, and for whom.

Belongs here: reading and checking the catalog's content, what follows from it, and its publication.
Does not belong here: connecting to a system, touching a row, knowing a campus by name.
In: a folder (or stored files) of YAML and CSV, by default `catalogs/campus`.
Out: a frozen `Catalog`, or every fault with its file, line and mend.
"""
