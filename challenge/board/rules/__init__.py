"""Who is where: order, ties, tracks, prizes."""
