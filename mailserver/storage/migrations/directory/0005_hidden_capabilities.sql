-- What the IMAP server does not announce: to one account, or to the programs that ID says
-- (RFC 2971) have such a name and version. For programs that cannot do what they ask for.

CREATE TABLE hidden_capability (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint REFERENCES account ON DELETE CASCADE,
    client text CHECK (length(client) BETWEEN 1 AND 100), -- patterns, with * and ?
    version text CHECK (length(version) BETWEEN 1 AND 100), -- '*': also programs that tell none
    capability text NOT NULL CHECK (capability <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((account_id IS NULL) = (client IS NOT NULL)),
    CHECK ((client IS NULL) = (version IS NULL))
);
CREATE UNIQUE INDEX hidden_capability_account ON hidden_capability (account_id, capability)
    WHERE account_id IS NOT NULL;
CREATE UNIQUE INDEX hidden_capability_client ON hidden_capability (client, version, capability)
    WHERE client IS NOT NULL;
CREATE TRIGGER hidden_capability_changed AFTER INSERT OR DELETE ON hidden_capability
    FOR EACH ROW EXECUTE FUNCTION notify_directory();
