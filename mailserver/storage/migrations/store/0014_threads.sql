-- The conversation that a message is of (RFC 8474 §5.2), the same number in all of its account's
-- messages of that conversation. NULL: it came before this was kept.
ALTER TABLE message ADD COLUMN thread_id bigint;
