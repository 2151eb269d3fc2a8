"""Running a method: cells, sandbox, engines."""
