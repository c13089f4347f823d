"""The interpreter and the scheduler: a plan becomes a program, the program becomes a trace."""
