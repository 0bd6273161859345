"""The source systems, one module each: `build(world, target)` fills it, `advance(world, target, day)` lives a day.

Belongs here: physical tables, headings and codes in the shapes vendors use.
Does not belong here: who the people are (demo.world), where things go (demo.target).
In: the world and the target. Out: rows per table.
"""
