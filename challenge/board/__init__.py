"""Scores to pages: standings (the rules) and the site."""
