"""From a plan that fails to the smallest one that fails alike. Nothing here runs a plan: it is handed a predicate."""
