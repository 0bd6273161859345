"""The lists that the reform asks for, derived from the catalog and never written by hand (CATALOG §2, §3.4, §3.7).

One module per kind of list; each gives a `DerivedList` whose rows say why they are there. Figures that only the
warehouse knows come in as `Measured`; without them a list still stands and says 未测.
"""

from catalogs.lists.all import derived_list, derived_lists
from catalogs.lists.base import Column, DerivedList
from catalogs.lists.measured import Measured

__all__ = ["Column", "DerivedList", "Measured", "derived_list", "derived_lists"]
