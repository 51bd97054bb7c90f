"""Servers the embedded default starts for itself."""
