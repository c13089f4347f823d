"""From a plan (and a run of it) to another plan: pinned to one schedule, unrolled, or with accepted expectations."""
