"""Floor 0, the words of mail: addresses, headers, MIME, dates, replies; pure functions of values.

Nothing here does I/O or asks for the time or for randomness: both are arguments.
"""
