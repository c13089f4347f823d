"""Typed SQL expressions: their IR, their values for a row (``evaluation``), their text in each dialect (``printing``), random
ones (``drawing``, ``values``), and rewrites into equivalent ones (``rewriting``).
"""
