"""What checks and the runner share: the clock, random choices, trace events, the matcher of expectations."""
