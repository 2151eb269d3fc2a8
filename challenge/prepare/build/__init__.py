"""A raw table to the standard form, as a whole or not at all."""
