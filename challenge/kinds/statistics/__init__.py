"""What intervals are made of: groups of dependent rows, influences, distributions."""
