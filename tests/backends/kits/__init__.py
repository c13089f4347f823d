"""One module an engine: how it is asked what the conformance suite asks of every backend."""
