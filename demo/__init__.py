"""A reference campus: made-up people in real source systems.

Belongs here: the people, the databases, files and HTTP servers they stand in, days that pass, the hall's client.
Does not belong here: anything of the rest of the project; they meet over ports, folders and addresses only.
In: a seed, a size, a PostgreSQL to create databases in.
Out: systems as a campus has them, and the variables by which they are found.
"""
