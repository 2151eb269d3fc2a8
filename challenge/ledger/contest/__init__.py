"""A contest: its rules, its finals, its close and the rehearsal of it."""
