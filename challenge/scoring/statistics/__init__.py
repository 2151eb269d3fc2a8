"""Intervals, comparisons and what they rest on."""
