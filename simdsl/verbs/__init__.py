"""The verbs of plans, one module each: what a step may do besides running SQL.

Every module in this package is a verb and has a ``VERB``; its file's name is the verb's, with ``_`` behind a Python keyword.
`simdsl.verbs.base` says what a verb is made of, and CONTRIBUTING.md how to add one.
"""
