-- The first words of a message (RFC 8970), as the string that FETCH tells. NULL: it came before this
-- was kept.
ALTER TABLE message ADD COLUMN preview bytea;
