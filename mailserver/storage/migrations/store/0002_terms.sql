-- What an envelope asks of delivery beyond bringing the message: DSN (RFC 3461), REQUIRETLS
-- (RFC 8689), FUTURERELEASE (RFC 4865), DELIVERBY (RFC 2852). Nearly always nothing: NULLs.

ALTER TABLE queue_message
    ADD COLUMN returned text CHECK (returned IN ('FULL', 'HDRS')), -- RET
    ADD COLUMN envelope_id text, -- ENVID, in xtext as it was given
    ADD COLUMN require_tls boolean NOT NULL DEFAULT false,
    ADD COLUMN hold_until timestamptz, -- not delivered before
    ADD COLUMN hold_request text, -- as it was asked: "for;3600"
    ADD COLUMN deliver_by timestamptz,
    ADD COLUMN by_mode text CHECK (by_mode IN ('R', 'N')),
    ADD COLUMN by_trace boolean NOT NULL DEFAULT false,
    ADD CHECK ((hold_until IS NULL) = (hold_request IS NULL)),
    ADD CHECK ((deliver_by IS NULL) = (by_mode IS NULL));

ALTER TABLE queue_recipient
    ADD COLUMN notify text, -- NOTIFY: 'NEVER', or 'SUCCESS', 'FAILURE', 'DELAY' with commas
    ADD COLUMN original_recipient text, -- ORCPT as it was given
    -- The message is where it goes, this is what became of it (RFC 3464 §2.3.3), and only the
    -- report to the sender is left.
    ADD COLUMN done text CHECK (done IN ('delivered', 'relayed', 'expanded')),
    ADD COLUMN delay_told_at timestamptz; -- when the sender was told that it takes longer
