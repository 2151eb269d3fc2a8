"""A task.toml proposed from raw data."""
