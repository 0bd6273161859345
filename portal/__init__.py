"""PORTAL: pages for people, in a browser.

Comes in: the published catalog, how releases, rules, scores and tickets stand, and what the service answers a person
about themselves or a clerk about a case. Goes out: HTML that works without JavaScript, and workbooks. Belongs here: who
may see which page, sessions, what people did, how pages look. Does not belong here: what is true of the catalog or the
warehouse (`catalogs`, `expectations`), answers to machines (`service`). The portal signs in to the warehouse with a
role of its own, which reads no row about a person; stewards treat waiting rows by another one.
"""
