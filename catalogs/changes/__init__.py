"""CHANGES: what a change of the catalog is, what it means, who decides it.

Belongs here: edits as data, their merging and writing, what a change allows or breaks, the rules of deciding.
Does not belong here: where proposals and versions are kept (`warehouse/proposals.py`), any connection.
In: two states of the catalog's files, or a state and edits.
Out: edits, merged files or named conflicts, an account of consequences, the steps a decision needs.
"""
