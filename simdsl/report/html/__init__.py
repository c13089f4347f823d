"""A call as one HTML file: a lane for every task, time downwards."""
