-- Logging in: SCRAM, app passwords, and what failed logins cost.

-- SCRAM-SHA-256 (RFC 5802 §3). All passwords of an account share its salt: the server names it
-- before it learns which of them the client has.
ALTER TABLE account
    ADD COLUMN scram_salt bytea NOT NULL
        DEFAULT substring(sha256(uuid_send(gen_random_uuid())) FROM 1 FOR 16),
    ADD COLUMN scram_iterations integer NOT NULL DEFAULT 60000 CHECK (scram_iterations >= 4096),
    ADD COLUMN scram_verifier bytea -- StoredKey and ServerKey; NULL: made at the next login
        CHECK (length(scram_verifier) = 64);

-- Passwords made for one program each. They are random, so a fast hash hides them well enough.
CREATE TABLE app_password (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32), -- SHA-256
    scram_verifier bytea NOT NULL CHECK (length(scram_verifier) = 64),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used date,
    UNIQUE (account_id, name),
    UNIQUE (account_id, secret_hash)
);

CREATE FUNCTION notify_domain_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('directory', d.name) FROM account a JOIN domain d ON d.id = a.domain_id
        WHERE a.id = coalesce(NEW.account_id, OLD.account_id);
    RETURN NULL;
END $$;
-- Not on UPDATE: that is last_used only, which nobody caches.
CREATE TRIGGER app_password_changed AFTER INSERT OR DELETE ON app_password
    FOR EACH ROW EXECUTE FUNCTION notify_domain_of_account();

-- Random keys that all nodes share; made here, once for each installation.
CREATE TABLE directory_secret (
    name text PRIMARY KEY,
    value bytea NOT NULL
);
INSERT INTO directory_secret (name, value) VALUES
    ('scram', sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

-- Failed logins by client network ("192.0.2.0/24") and by account ("ann@example.net"), as a bucket
-- that leaks. Losing it in a crash does no harm.
CREATE UNLOGGED TABLE login_failure (
    subject text PRIMARY KEY,
    failures double precision NOT NULL, -- as of last_at
    last_at timestamptz NOT NULL
);

-- From where an account's owner logs in: under an attack on the account these are let in.
CREATE TABLE login_network (
    account_id bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    network text NOT NULL,
    last_on date NOT NULL,
    PRIMARY KEY (account_id, network)
);
