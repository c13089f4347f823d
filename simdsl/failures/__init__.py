"""When two failures are the same failure: fingerprints, and the interestingness test that the shrinker uses."""
