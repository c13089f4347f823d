"""The ground on which properties of SQL stand: tables whose rows are known, and queries over them, in every dialect.

``tables.draw_ground`` makes tables from a seed and a profile; ``sources`` draws what a query selects from, ``both.say``
writes a statement once for all dialects. Nothing is translated: what differs between dialects is printed in each.
"""
