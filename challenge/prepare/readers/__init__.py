"""Readers of raw files: tables, JSON and images."""
