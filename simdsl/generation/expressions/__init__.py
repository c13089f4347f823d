"""Typed SQL expressions: a small IR (``ir``), what an expression is worth (``evaluation``), how each dialect writes it
(``printing``), drawn by seed and place (``drawing``, ``predicates``) and rewritten into equivalents (``rewriting``).
"""
