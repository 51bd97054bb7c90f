-- When a message came into its mailbox (RFC 8514), by delivery, APPEND, COPY or MOVE. Those that were
-- there before this was kept came now.
ALTER TABLE mailbox_message ADD COLUMN saved_at timestamptz NOT NULL DEFAULT now();
