"""Named properties: what makes a plan that may break a claim, and what judges the claim on the trace of a run."""
