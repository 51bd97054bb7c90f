-- What is derived from the rows of large mailboxes, so that a process that does not know a mailbox
-- reads it in few pieces. All of it may be dropped at any time: the rows are the truth.

-- The columns of a mailbox as they were at a modseq; events after it bring them up to date.
CREATE TABLE mailbox_snapshot (
    mailbox_id bigint PRIMARY KEY,
    modseq bigint NOT NULL,
    columns bytea NOT NULL -- imap/mailboxes/snapshot.py
);
ALTER TABLE mailbox_snapshot ALTER COLUMN columns SET STORAGE EXTERNAL;

-- The ready-made bytes of up to 500 messages, joined; sizes in octets, -1: not kept.
CREATE TABLE mailbox_pack (
    mailbox_id bigint NOT NULL,
    first_uid bigint NOT NULL,
    last_uid bigint NOT NULL,
    message_ids bigint[] NOT NULL, -- ascending by UID
    static_sizes integer[] NOT NULL,
    static bytea NOT NULL,
    bodystructure_sizes integer[] NOT NULL,
    bodystructure bytea NOT NULL,
    header_sizes integer[] NOT NULL, -- prefix and kept fields
    header bytea NOT NULL,
    stale_at timestamptz, -- since when it holds a message that was expunged
    PRIMARY KEY (mailbox_id, first_uid)
);
ALTER TABLE mailbox_pack
    ALTER COLUMN message_ids SET STORAGE EXTERNAL,
    ALTER COLUMN static_sizes SET STORAGE EXTERNAL,
    ALTER COLUMN static SET STORAGE EXTERNAL,
    ALTER COLUMN bodystructure_sizes SET STORAGE EXTERNAL,
    ALTER COLUMN bodystructure SET STORAGE EXTERNAL,
    ALTER COLUMN header_sizes SET STORAGE EXTERNAL,
    ALTER COLUMN header SET STORAGE EXTERNAL;
CREATE INDEX mailbox_pack_stale ON mailbox_pack (stale_at) WHERE stale_at IS NOT NULL;

-- UIDs that a client had read to it row by row: worth a pack.
CREATE TABLE mailbox_unpacked (
    mailbox_id bigint NOT NULL,
    first_uid bigint NOT NULL,
    last_uid bigint NOT NULL
);
