"""Generation: plans that nobody wrote, drawn by (seed, purpose, place). It reads no database and runs nothing."""
