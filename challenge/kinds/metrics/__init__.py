"""Metrics, one family a file: labels, probabilities, ranked, entities."""
