"""The version of enfold."""

__version__ = "0.1.0"
