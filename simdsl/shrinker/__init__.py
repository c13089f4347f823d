"""From a failing plan to the smallest one with the same failure. Nothing here runs a plan: the test is passed in."""
