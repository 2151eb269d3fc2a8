"""Numbers out of text, images and pairs, cached per task."""
