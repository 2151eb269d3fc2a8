"""Machine-learning challenges on multimodal tables."""

__version__ = "0.1.0"
