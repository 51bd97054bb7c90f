"""SEARCH, SORT and THREAD: which messages match, in which order, and results that are kept true."""
