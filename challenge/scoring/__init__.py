"""Predictions to a score: reading and checking, kinds, metrics, intervals, comparison."""
