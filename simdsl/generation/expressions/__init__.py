"""Typed SQL expressions: their IR, their values for a row (``evaluation``), their text in each dialect (``printing``), and
random ones (``drawing``, ``values``) that can be rewritten into equivalent ones (``rewriting``).
"""
