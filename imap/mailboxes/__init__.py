"""A mailbox in memory: its columns, kept true by the log, and what sessions believe of it."""
