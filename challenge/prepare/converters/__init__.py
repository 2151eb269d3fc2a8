"""Converters: one module per common raw form, each returns a RawTable."""
