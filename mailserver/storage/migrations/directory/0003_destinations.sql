-- Where addresses lead: domain aliases, groups, who answers for a domain, secrets of all nodes.

-- A domain alias is a domain without addresses of its own: each of its addresses is the one of the
-- same local part in `alias_of`, which is no alias itself and belongs to the same organization.
ALTER TABLE domain ADD UNIQUE (id, organization_id);
ALTER TABLE domain ADD COLUMN alias_of bigint CHECK (alias_of <> id);
ALTER TABLE domain ADD FOREIGN KEY (alias_of, organization_id)
    REFERENCES domain (id, organization_id);
CREATE INDEX domain_alias_of ON domain (alias_of) WHERE alias_of IS NOT NULL;

-- A group's members are its targets; it may have none. Its owners get what its mail brings back.
ALTER TABLE address DROP CONSTRAINT address_kind_check;
ALTER TABLE address DROP CONSTRAINT address_check;
ALTER TABLE address
    ADD COLUMN posting text CHECK (posting IN ('anyone', 'organization', 'members', 'owners')),
    ADD COLUMN owners text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT address_kind_check CHECK (kind IN ('account', 'alias', 'group')),
    ADD CONSTRAINT address_targets_check CHECK (
        CASE kind WHEN 'account' THEN targets = '{}' WHEN 'alias' THEN targets <> '{}' ELSE true END
    ),
    ADD CONSTRAINT address_group_check CHECK (
        (kind = 'group') = (posting IS NOT NULL) AND (kind = 'group' OR owners = '{}')
    );
CREATE INDEX address_owners ON address USING gin (owners) WHERE kind = 'group';

-- Who answers for the organization's domains where they have no postmaster or abuse of their own.
ALTER TABLE organization ADD COLUMN contact text CHECK (contact <> '');
CREATE FUNCTION notify_directory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('directory', '');
    RETURN NULL;
END $$;
CREATE TRIGGER organization_changed AFTER UPDATE OF contact ON organization
    FOR EACH ROW EXECUTE FUNCTION notify_directory();

-- What all nodes know and nobody else does. The newest of a name is used, the older ones are still
-- taken until they are retired.
CREATE TABLE secret (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    value bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO secret (name, value) SELECT name, value FROM directory_secret ORDER BY name;
DROP TABLE directory_secret;
CREATE INDEX secret_name ON secret (name, id DESC);
CREATE TRIGGER secret_changed AFTER INSERT OR UPDATE OR DELETE ON secret
    FOR EACH ROW EXECUTE FUNCTION notify_directory();

-- Senders that are too long to be written into the local part that replaces them (64 octets).
CREATE TABLE replaced_sender (
    token text PRIMARY KEY,
    sender text NOT NULL,
    used_at timestamptz NOT NULL DEFAULT now() -- when mail was last forwarded with it
);
CREATE INDEX replaced_sender_used_at ON replaced_sender (used_at);
