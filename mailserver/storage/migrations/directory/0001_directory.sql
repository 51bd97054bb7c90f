-- The directory: who exists, what they own, where their mail lives (ARCHITECTURE.md, Storage).
-- Small and read-mostly; every process caches it and drops what a NOTIFY on "directory" names.

CREATE TABLE store (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    dsn text, -- NULL: in this same database
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO store (name) VALUES ('default');

CREATE TABLE organization (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    store_id smallint NOT NULL DEFAULT 1 REFERENCES store,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE domain (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organization,
    name text NOT NULL UNIQUE CHECK (name = lower(name) AND length(name) BETWEEN 1 AND 253),
    state text NOT NULL DEFAULT 'pending' CHECK (
        state IN ('pending', 'verified', 'certificate', 'active', 'degraded', 'suspended')
    ),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX domain_organization ON domain (organization_id);

-- One name space for everything that can receive: an address is an account or an alias, never both.
-- local_part is lower case; '*' is the domain's catch-all.
CREATE TABLE address (
    domain_id bigint NOT NULL REFERENCES domain ON DELETE CASCADE,
    local_part text NOT NULL CHECK (
        local_part = lower(local_part) AND length(local_part) BETWEEN 1 AND 64
    ),
    kind text NOT NULL CHECK (kind IN ('account', 'alias')),
    targets text[] NOT NULL DEFAULT '{}', -- where an alias leads, as addresses
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain_id, local_part),
    CHECK ((kind = 'alias') = (cardinality(targets) > 0)),
    CHECK (local_part <> '*' OR kind = 'alias')
);
CREATE INDEX address_targets ON address USING gin (targets);

CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id bigint NOT NULL REFERENCES domain,
    local_part text NOT NULL,
    password_hash text NOT NULL, -- argon2id, PHC string
    quota_bytes bigint CHECK (quota_bytes > 0), -- NULL: no limit
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, local_part),
    FOREIGN KEY (domain_id, local_part) REFERENCES address
);

CREATE TABLE dkim_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id bigint NOT NULL REFERENCES domain ON DELETE CASCADE,
    selector text NOT NULL,
    algorithm text NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')),
    private_key bytea NOT NULL, -- PKCS#8 PEM
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, selector)
);

-- Tell every process which domain's cached facts are stale. The payload is the domain's name.
CREATE FUNCTION notify_domain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('directory', coalesce(NEW.name, OLD.name));
    RETURN NULL;
END $$;
CREATE TRIGGER domain_changed AFTER INSERT OR UPDATE OR DELETE ON domain
    FOR EACH ROW EXECUTE FUNCTION notify_domain();

CREATE FUNCTION notify_domain_of_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('directory', name) FROM domain
        WHERE id = coalesce(NEW.domain_id, OLD.domain_id);
    RETURN NULL;
END $$;
CREATE TRIGGER address_changed AFTER INSERT OR UPDATE OR DELETE ON address
    FOR EACH ROW EXECUTE FUNCTION notify_domain_of_row();
CREATE TRIGGER account_changed AFTER INSERT OR UPDATE OR DELETE ON account
    FOR EACH ROW EXECUTE FUNCTION notify_domain_of_row();
CREATE TRIGGER dkim_key_changed AFTER INSERT OR UPDATE OR DELETE ON dkim_key
    FOR EACH ROW EXECUTE FUNCTION notify_domain_of_row();
