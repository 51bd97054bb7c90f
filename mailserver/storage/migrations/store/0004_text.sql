-- The text index: what SEARCH BODY and TEXT look up (mailserver/mail/text_pack.py says in what form).
-- A pack knows all messages of its mailbox with UIDs from first_uid to last_uid; the packs of a
-- mailbox lie one behind the other, and what is behind the last one is not indexed yet.
CREATE TABLE text_pack (
    mailbox_id bigint NOT NULL,
    first_uid bigint NOT NULL,
    last_uid bigint NOT NULL,
    messages integer NOT NULL,
    uids bytea NOT NULL, -- four octets each, little endian
    partial bytea NOT NULL, -- UIDs of messages with more text than is indexed
    frequencies bytea NOT NULL, -- four octets each: how many tokens are in how many places
    beginnings bytea NOT NULL, -- four octets each: where in the vocabulary a place's own words are
    vocabulary bytea STORAGE EXTERNAL NOT NULL, -- folded text: readable
    postings bytea STORAGE EXTERNAL NOT NULL, -- read in ranges
    PRIMARY KEY (mailbox_id, last_uid),
    CHECK (first_uid <= last_uid)
);

-- Where a message lost its placement, so that its words go with its row.
ALTER TABLE message_released
    ADD COLUMN mailbox_id bigint, -- NULL: the mailbox is gone, and its text with it
    ADD COLUMN uid bigint;
