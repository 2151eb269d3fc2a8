"""Plots of the site, one file for each thing that is drawn."""
