"""The Python API: what `import challenge` offers, made of the functions that the commands call."""
