"""Raw files to tables and values."""
