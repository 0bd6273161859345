"""The catalog in forms that others' tools and people read: RDF, JSON, a static site, guides, a filing pack.

Belongs here: turning a checked `Catalog`, as a tier of readers may see it (`catalogs.views`), into files.
Does not belong here: what follows from the catalog (`catalogs.lists`, `catalogs.derive`), forms that are read
back (`catalogs.forms`), and where files are put (`catalogs.publish`).
In: a `Catalog` and a tier. Out: graphs, texts, bytes; nothing here writes into a folder of its own choice.
"""
