"""Builds the standard form of a task from a raw table; a build succeeds as a whole or not at all."""
