-- A store: the mail of the organizations placed in it (ARCHITECTURE.md, Storage).
-- No foreign key leads out of a store: it may be another database than the directory. Inside, the
-- tables that ingest fills have none either: their rows are written together under the mailbox's
-- row lock, and a look-up per row and key would be most of the cost of a group commit.

-- Rows written by ingest take their ids from blocks of 1,024, so that a group commit asks once.
CREATE SEQUENCE id_block;
-- RFC 3501 §2.3.1.1: a name that is deleted and made again must get a greater UIDVALIDITY.
CREATE SEQUENCE uid_validity MAXVALUE 4294967295;

-- ── bytes ────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE blob (
    id bigint PRIMARY KEY,
    organization_id bigint NOT NULL,
    size bigint NOT NULL, -- bytes as received, without any prefix
    digest bytea NOT NULL, -- SHA-256 of those bytes
    generation smallint, -- the spool partition that holds the bytes, or
    object text, -- the key in the object store
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((generation IS NULL) <> (object IS NULL))
);

CREATE TABLE spool (
    generation smallint NOT NULL,
    blob_id bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (generation, blob_id)
) PARTITION BY LIST (generation);
ALTER TABLE spool ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE spool_1 PARTITION OF spool FOR VALUES IN (1);
ALTER TABLE spool_1 ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- ── mailboxes ────────────────────────────────────────────────────────────────────────────────

-- The row lock of a mailbox is its write order: who holds it may give out UIDs and modseqs.
CREATE TABLE mailbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    name text NOT NULL, -- UTF-8, levels separated by "/"; the inbox is "INBOX"
    special_use text, -- RFC 6154 attribute, such as "\Sent"
    uid_validity bigint NOT NULL DEFAULT nextval('uid_validity'),
    uid_next bigint NOT NULL DEFAULT 1,
    first_recent_uid bigint NOT NULL DEFAULT 1, -- RFC 3501 §2.3.2: from here on \Recent
    highest_modseq bigint NOT NULL DEFAULT 1,
    folded_modseq bigint NOT NULL DEFAULT 1, -- events up to here are in the rows
    keywords text[] NOT NULL DEFAULT '{}', -- ordinal k is bit 5+k of a flags mask
    messages integer NOT NULL DEFAULT 0,
    unseen integer NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, name)
) WITH (fillfactor = 70);

CREATE TABLE subscription (
    account_id bigint NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (account_id, name)
);

-- What a message is, written once at ingest and shared by COPY: bytes ready for a FETCH response.
CREATE TABLE message (
    id bigint PRIMARY KEY,
    blob_id bigint NOT NULL,
    prefix bytea NOT NULL, -- fields we put before the received bytes
    size bigint NOT NULL, -- RFC822.SIZE: prefix and received bytes
    internal_date timestamptz NOT NULL,
    static bytea NOT NULL, -- INTERNALDATE "…" RFC822.SIZE n ENVELOPE (…)
    body bytea NOT NULL,
    bodystructure bytea NOT NULL,
    fields bytea, -- the header fields clients ask for; NULL when too large to keep
    parts bytea NOT NULL, -- part table: offsets into the received bytes
    sent_at timestamptz -- from the Date field
);
CREATE INDEX message_blob ON message (blob_id);

-- Flags change in place (HOT): no index on what changes.
CREATE TABLE mailbox_message (
    mailbox_id bigint NOT NULL,
    uid bigint NOT NULL,
    message_id bigint NOT NULL,
    flags bigint NOT NULL, -- bits 0-4 \Seen \Answered \Flagged \Deleted \Draft, 5-62 keywords
    modseq bigint NOT NULL,
    PRIMARY KEY (mailbox_id, uid)
) WITH (fillfactor = 90);
CREATE INDEX mailbox_message_message ON mailbox_message (message_id);

-- The append-only log of a mailbox: the one source for other processes, IDLE, CONDSTORE, QRESYNC.
CREATE TABLE mailbox_event (
    mailbox_id bigint NOT NULL,
    modseq bigint NOT NULL,
    kind "char" NOT NULL CHECK (kind IN ('a', 'f', 'e')), -- append, flags, expunge
    runs bigint[] NOT NULL, -- UID runs: first, last, first, last, …
    set_mask bigint NOT NULL DEFAULT 0,
    clear_mask bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (mailbox_id, modseq)
);

-- Mailboxes whose log has events that are not yet folded into the rows.
CREATE TABLE mailbox_unfolded (
    mailbox_id bigint PRIMARY KEY
);

-- Messages that lost a placement; retention removes those that have none left.
CREATE TABLE message_released (
    message_id bigint NOT NULL,
    released_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX message_released_at ON message_released (released_at);

-- ── outbound queue ───────────────────────────────────────────────────────────────────────────

CREATE TABLE queue_message (
    id bigint PRIMARY KEY,
    organization_id bigint NOT NULL,
    account_id bigint, -- who submitted it; NULL for what the server itself sends
    blob_id bigint NOT NULL,
    prefix bytea NOT NULL,
    sender text NOT NULL, -- reverse path; '' is the null reverse path
    size bigint NOT NULL,
    smtputf8 boolean NOT NULL DEFAULT false,
    eight_bit boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX queue_message_blob ON queue_message (blob_id);

CREATE TABLE queue_recipient (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue_id bigint NOT NULL REFERENCES queue_message ON DELETE CASCADE,
    recipient text NOT NULL,
    domain text NOT NULL, -- lower-case A-label of the recipient's domain
    state text NOT NULL DEFAULT 'queued' CHECK (
        state IN ('queued', 'leased', 'deferred', 'delivered', 'bounced', 'removed')
    ),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    lease_owner uuid,
    lease_until timestamptz,
    last_attempt_at timestamptz,
    last_host text, -- remote MX of the last attempt
    last_reply text, -- its reply, or what failed
    finished_at timestamptz,
    UNIQUE (queue_id, recipient),
    CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('delivered', 'bounced', 'removed')) = (finished_at IS NOT NULL))
);
CREATE INDEX queue_recipient_due ON queue_recipient (next_attempt_at)
    WHERE state IN ('queued', 'deferred');
CREATE INDEX queue_recipient_leased ON queue_recipient (lease_until) WHERE state = 'leased';
