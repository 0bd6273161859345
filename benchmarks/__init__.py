"""How fast the way of a datum is, as ratios to what the database itself can do in the same minute."""
