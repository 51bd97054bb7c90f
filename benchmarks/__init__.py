"""Measured beside real peers, in the same run, as ratios: `make bench`."""
