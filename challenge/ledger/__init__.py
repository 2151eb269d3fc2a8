"""Who submitted what, and what it scored."""
