"""Data assessed before a contest: what a table is worth as a task, on one page."""
