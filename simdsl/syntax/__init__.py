"""From text to data and to the small pieces of the plan language: YAML, JSON, SQL lines, expectations, expressions."""
