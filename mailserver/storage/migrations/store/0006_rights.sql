-- Access control lists of mailboxes (RFC 4314). A mailbox without rows is its owner's alone.
CREATE TABLE mailbox_right (
    mailbox_id bigint NOT NULL,
    account_id bigint NOT NULL, -- 0: every account of the organization
    negative boolean NOT NULL, -- takes the rights away
    rights text NOT NULL, -- letters of RFC 4314 §2.1; '' for an owner who wants none but the least
    organization_id bigint NOT NULL, -- of the mailbox's owner
    PRIMARY KEY (mailbox_id, account_id, negative)
);
CREATE INDEX mailbox_right_account ON mailbox_right (account_id, organization_id);

-- Annotations (RFC 5464) of mailboxes, and, with mailbox_id 0, of the server.
CREATE TABLE annotation (
    mailbox_id bigint NOT NULL,
    organization_id bigint NOT NULL, -- 0 for those of a mailbox
    account_id bigint NOT NULL, -- whose private entry it is; 0: a shared one
    entry text NOT NULL, -- lower case, with /private or /shared
    value bytea NOT NULL,
    PRIMARY KEY (mailbox_id, organization_id, account_id, entry)
);
CREATE INDEX annotation_account ON annotation (account_id) WHERE account_id <> 0;
