"""QUARANTINE: what happens to a refused row until it is right: judged again, shown, corrected, released, told.

Belongs here: when a waiting row is looked at again, who may see or decide what, its provider's workbook, its path.
Does not belong here: the judgement itself (`expectations.admission`), the tables (`warehouse.waiting`).
In: rows of `yici.quarantine` and what people decide about them.
Out: rows admitted with their own extract's provenance; words, workbooks and records. Full values leave only for the
provider's own posts, on record.
"""
