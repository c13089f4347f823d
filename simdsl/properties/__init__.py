"""Properties: claims, each with a builder of plans that may violate it and a check of the trace of a run."""
