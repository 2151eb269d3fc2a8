"""Which rows are hidden, and which go together."""
