"""Raw data to a task: sources, converters, splits, audit, build."""
