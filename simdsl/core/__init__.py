"""What judges and runner share: the clock, choices, trace events, the matcher of expectations."""
