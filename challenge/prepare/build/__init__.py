"""Builds the standard form of a task from a raw table, as a whole or not at all."""
