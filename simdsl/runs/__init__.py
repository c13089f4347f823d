"""Running a plan: one backend, several compared, its params and schedules, and the search for a smaller plan."""
