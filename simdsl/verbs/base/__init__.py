"""What verbs are made of: the base class, the parts of the loader and the interpreter that a verb sees, the registry."""
