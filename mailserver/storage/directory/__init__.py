"""The directory: who exists, what they own, where their mail lives.

A function of SQL does one thing with one connection and raises nothing of its own; the floor above
says what may be done and in which transaction. Domain names are lower-case A-labels, local parts
lower case, addresses `local_part@domain` without quoting (`spelling`).
"""
