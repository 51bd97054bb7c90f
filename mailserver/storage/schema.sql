-- The sum of all migrations, for reading; made by `make schema`, held equal by a test.

CREATE FUNCTION public.notify_directory() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('directory', '');
    RETURN NULL;
END $$;

CREATE FUNCTION public.notify_domain() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('directory', coalesce(NEW.name, OLD.name));
    RETURN NULL;
END $$;

CREATE FUNCTION public.notify_domain_of_account() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('directory', d.name) FROM account a JOIN domain d ON d.id = a.domain_id
        WHERE a.id = coalesce(NEW.account_id, OLD.account_id);
    RETURN NULL;
END $$;

CREATE FUNCTION public.notify_domain_of_row() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('directory', name) FROM domain
        WHERE id = coalesce(NEW.domain_id, OLD.domain_id);
    RETURN NULL;
END $$;

CREATE TABLE public.account (
    id bigint NOT NULL,
    domain_id bigint NOT NULL,
    local_part text NOT NULL,
    password_hash text NOT NULL,
    quota_bytes bigint,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    scram_salt bytea DEFAULT SUBSTRING(sha256(uuid_send(gen_random_uuid())) FROM 1 FOR 16) NOT NULL,
    scram_iterations integer DEFAULT 60000 NOT NULL,
    scram_verifier bytea,
    quota_messages bigint,
    administrator boolean DEFAULT false NOT NULL,
    CONSTRAINT account_quota_bytes_check CHECK ((quota_bytes > 0)),
    CONSTRAINT account_quota_messages_check CHECK ((quota_messages > 0)),
    CONSTRAINT account_scram_iterations_check CHECK ((scram_iterations >= 4096)),
    CONSTRAINT account_scram_verifier_check CHECK ((length(scram_verifier) = 64)),
    CONSTRAINT account_state_check CHECK ((state = ANY (ARRAY['active'::text, 'suspended'::text])))
);

ALTER TABLE public.account ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.address (
    domain_id bigint NOT NULL,
    local_part text NOT NULL,
    kind text NOT NULL,
    targets text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    posting text,
    owners text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT address_check1 CHECK (((local_part <> '*'::text) OR (kind = 'alias'::text))),
    CONSTRAINT address_group_check CHECK ((((kind = 'group'::text) = (posting IS NOT NULL)) AND ((kind = 'group'::text) OR (owners = '{}'::text[])))),
    CONSTRAINT address_kind_check CHECK ((kind = ANY (ARRAY['account'::text, 'alias'::text, 'group'::text]))),
    CONSTRAINT address_local_part_check CHECK (((local_part = lower(local_part)) AND ((length(local_part) >= 1) AND (length(local_part) <= 64)))),
    CONSTRAINT address_posting_check CHECK ((posting = ANY (ARRAY['anyone'::text, 'organization'::text, 'members'::text, 'owners'::text]))),
    CONSTRAINT address_targets_check CHECK (
CASE kind
    WHEN 'account'::text THEN (targets = '{}'::text[])
    WHEN 'alias'::text THEN (targets <> '{}'::text[])
    ELSE true
END)
);

CREATE TABLE public.annotation (
    mailbox_id bigint NOT NULL,
    organization_id bigint NOT NULL,
    account_id bigint NOT NULL,
    entry text NOT NULL,
    value bytea NOT NULL
);

CREATE TABLE public.app_password (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    scram_verifier bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used date,
    CONSTRAINT app_password_name_check CHECK (((length(name) >= 1) AND (length(name) <= 64))),
    CONSTRAINT app_password_scram_verifier_check CHECK ((length(scram_verifier) = 64)),
    CONSTRAINT app_password_secret_hash_check CHECK ((length(secret_hash) = 32))
);

ALTER TABLE public.app_password ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.app_password_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.blob (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    size bigint NOT NULL,
    digest bytea NOT NULL,
    generation smallint,
    object text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT blob_check CHECK (((generation IS NULL) <> (object IS NULL)))
);

CREATE TABLE public.dkim_key (
    id bigint NOT NULL,
    domain_id bigint NOT NULL,
    selector text NOT NULL,
    algorithm text NOT NULL,
    private_key bytea NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT dkim_key_algorithm_check CHECK ((algorithm = ANY (ARRAY['rsa-sha256'::text, 'ed25519-sha256'::text])))
);

ALTER TABLE public.dkim_key ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dkim_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.domain (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    name text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    alias_of bigint,
    CONSTRAINT domain_check CHECK ((alias_of <> id)),
    CONSTRAINT domain_name_check CHECK (((name = lower(name)) AND ((length(name) >= 1) AND (length(name) <= 253)))),
    CONSTRAINT domain_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'verified'::text, 'certificate'::text, 'active'::text, 'degraded'::text, 'suspended'::text])))
);

ALTER TABLE public.domain ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.domain_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.hidden_capability (
    id bigint NOT NULL,
    account_id bigint,
    client text,
    version text,
    capability text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT hidden_capability_capability_check CHECK ((capability <> ''::text)),
    CONSTRAINT hidden_capability_check CHECK (((account_id IS NULL) = (client IS NOT NULL))),
    CONSTRAINT hidden_capability_check1 CHECK (((client IS NULL) = (version IS NULL))),
    CONSTRAINT hidden_capability_client_check CHECK (((length(client) >= 1) AND (length(client) <= 100))),
    CONSTRAINT hidden_capability_version_check CHECK (((length(version) >= 1) AND (length(version) <= 100)))
);

ALTER TABLE public.hidden_capability ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.hidden_capability_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE public.id_block
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE UNLOGGED TABLE public.login_failure (
    subject text NOT NULL,
    failures double precision NOT NULL,
    last_at timestamp with time zone NOT NULL
);

CREATE TABLE public.login_network (
    account_id bigint NOT NULL,
    network text NOT NULL,
    last_on date NOT NULL
);

CREATE SEQUENCE public.uid_validity
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    MAXVALUE 4294967295
    CACHE 1;

CREATE TABLE public.mailbox (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    name text NOT NULL,
    special_use text,
    uid_validity bigint DEFAULT nextval('public.uid_validity'::regclass) NOT NULL,
    uid_next bigint DEFAULT 1 NOT NULL,
    first_recent_uid bigint DEFAULT 1 NOT NULL,
    highest_modseq bigint DEFAULT 1 NOT NULL,
    folded_modseq bigint DEFAULT 1 NOT NULL,
    keywords text[] DEFAULT '{}'::text[] NOT NULL,
    messages integer DEFAULT 0 NOT NULL,
    unseen integer DEFAULT 0 NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.mailbox_event (
    mailbox_id bigint NOT NULL,
    modseq bigint NOT NULL,
    kind "char" NOT NULL,
    runs bigint[] NOT NULL,
    set_mask bigint DEFAULT 0 NOT NULL,
    clear_mask bigint DEFAULT 0 NOT NULL,
    CONSTRAINT mailbox_event_kind_check CHECK ((kind = ANY (ARRAY['a'::"char", 'f'::"char", 'e'::"char"])))
);

ALTER TABLE public.mailbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.mailbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.mailbox_message (
    mailbox_id bigint NOT NULL,
    uid bigint NOT NULL,
    message_id bigint NOT NULL,
    flags bigint NOT NULL,
    modseq bigint NOT NULL,
    saved_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='90');

CREATE TABLE public.mailbox_pack (
    mailbox_id bigint NOT NULL,
    first_uid bigint NOT NULL,
    last_uid bigint NOT NULL,
    message_ids bigint[] NOT NULL,
    static_sizes integer[] NOT NULL,
    static bytea NOT NULL,
    bodystructure_sizes integer[] NOT NULL,
    bodystructure bytea NOT NULL,
    header_sizes integer[] NOT NULL,
    header bytea NOT NULL,
    stale_at timestamp with time zone
);
ALTER TABLE ONLY public.mailbox_pack ALTER COLUMN message_ids SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.mailbox_pack ALTER COLUMN static_sizes SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.mailbox_pack ALTER COLUMN static SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.mailbox_pack ALTER COLUMN bodystructure_sizes SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.mailbox_pack ALTER COLUMN bodystructure SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.mailbox_pack ALTER COLUMN header_sizes SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.mailbox_pack ALTER COLUMN header SET STORAGE EXTERNAL;

CREATE TABLE public.mailbox_right (
    mailbox_id bigint NOT NULL,
    account_id bigint NOT NULL,
    negative boolean NOT NULL,
    rights text NOT NULL,
    organization_id bigint NOT NULL
);

CREATE TABLE public.mailbox_snapshot (
    mailbox_id bigint NOT NULL,
    modseq bigint NOT NULL,
    columns bytea NOT NULL
);
ALTER TABLE ONLY public.mailbox_snapshot ALTER COLUMN columns SET STORAGE EXTERNAL;

CREATE TABLE public.mailbox_unfolded (
    mailbox_id bigint NOT NULL
);

CREATE TABLE public.mailbox_unpacked (
    mailbox_id bigint NOT NULL,
    first_uid bigint NOT NULL,
    last_uid bigint NOT NULL
);

CREATE TABLE public.message (
    id bigint NOT NULL,
    blob_id bigint NOT NULL,
    prefix bytea NOT NULL,
    size bigint NOT NULL,
    internal_date timestamp with time zone NOT NULL,
    static bytea NOT NULL,
    body bytea NOT NULL,
    bodystructure bytea NOT NULL,
    fields bytea,
    parts bytea NOT NULL,
    sent_at timestamp with time zone,
    preview bytea,
    thread_id bigint
);

CREATE TABLE public.message_released (
    message_id bigint NOT NULL,
    released_at timestamp with time zone DEFAULT now() NOT NULL,
    mailbox_id bigint,
    uid bigint
);

CREATE TABLE public.organization (
    id bigint NOT NULL,
    name text NOT NULL,
    store_id smallint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    contact text,
    CONSTRAINT organization_contact_check CHECK ((contact <> ''::text)),
    CONSTRAINT organization_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

ALTER TABLE public.organization ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.organization_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.queue_message (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    account_id bigint,
    blob_id bigint NOT NULL,
    prefix bytea NOT NULL,
    sender text NOT NULL,
    size bigint NOT NULL,
    smtputf8 boolean DEFAULT false NOT NULL,
    eight_bit boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    returned text,
    envelope_id text,
    require_tls boolean DEFAULT false NOT NULL,
    hold_until timestamp with time zone,
    hold_request text,
    deliver_by timestamp with time zone,
    by_mode text,
    by_trace boolean DEFAULT false NOT NULL,
    CONSTRAINT queue_message_by_mode_check CHECK ((by_mode = ANY (ARRAY['R'::text, 'N'::text]))),
    CONSTRAINT queue_message_check CHECK (((hold_until IS NULL) = (hold_request IS NULL))),
    CONSTRAINT queue_message_check1 CHECK (((deliver_by IS NULL) = (by_mode IS NULL))),
    CONSTRAINT queue_message_returned_check CHECK ((returned = ANY (ARRAY['FULL'::text, 'HDRS'::text])))
);

CREATE TABLE public.queue_recipient (
    id bigint NOT NULL,
    queue_id bigint NOT NULL,
    recipient text NOT NULL,
    domain text NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    lease_owner uuid,
    lease_until timestamp with time zone,
    last_attempt_at timestamp with time zone,
    last_host text,
    last_reply text,
    finished_at timestamp with time zone,
    notify text,
    original_recipient text,
    done text,
    delay_told_at timestamp with time zone,
    CONSTRAINT queue_recipient_check CHECK (((state = 'leased'::text) = (lease_until IS NOT NULL))),
    CONSTRAINT queue_recipient_check1 CHECK (((state = ANY (ARRAY['delivered'::text, 'bounced'::text, 'removed'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT queue_recipient_done_check CHECK ((done = ANY (ARRAY['delivered'::text, 'relayed'::text, 'expanded'::text]))),
    CONSTRAINT queue_recipient_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'leased'::text, 'deferred'::text, 'delivered'::text, 'bounced'::text, 'removed'::text])))
);

ALTER TABLE public.queue_recipient ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.queue_recipient_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.replaced_sender (
    token text NOT NULL,
    sender text NOT NULL,
    used_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.schema_migration (
    stream text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.secret (
    id bigint NOT NULL,
    name text NOT NULL,
    value bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.secret ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.secret_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.spool (
    generation smallint NOT NULL,
    blob_id bigint NOT NULL,
    bytes bytea NOT NULL
)
PARTITION BY LIST (generation);
ALTER TABLE ONLY public.spool ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE public.spool_1 (
    generation smallint CONSTRAINT spool_generation_not_null NOT NULL,
    blob_id bigint CONSTRAINT spool_blob_id_not_null NOT NULL,
    bytes bytea CONSTRAINT spool_bytes_not_null NOT NULL
);
ALTER TABLE ONLY public.spool_1 ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE public.store (
    id smallint NOT NULL,
    name text NOT NULL,
    dsn text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.store ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.store_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.subscription (
    account_id bigint NOT NULL,
    name text NOT NULL
);

CREATE TABLE public.text_pack (
    mailbox_id bigint NOT NULL,
    first_uid bigint NOT NULL,
    last_uid bigint NOT NULL,
    messages integer NOT NULL,
    uids bytea NOT NULL,
    partial bytea NOT NULL,
    frequencies bytea NOT NULL,
    beginnings bytea NOT NULL,
    vocabulary bytea NOT NULL,
    postings bytea NOT NULL,
    CONSTRAINT text_pack_check CHECK ((first_uid <= last_uid))
);
ALTER TABLE ONLY public.text_pack ALTER COLUMN vocabulary SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.text_pack ALTER COLUMN postings SET STORAGE EXTERNAL;

ALTER TABLE ONLY public.spool ATTACH PARTITION public.spool_1 FOR VALUES IN ('1');

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_domain_id_local_part_key UNIQUE (domain_id, local_part);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.address
    ADD CONSTRAINT address_pkey PRIMARY KEY (domain_id, local_part);

ALTER TABLE ONLY public.annotation
    ADD CONSTRAINT annotation_pkey PRIMARY KEY (mailbox_id, organization_id, account_id, entry);

ALTER TABLE ONLY public.app_password
    ADD CONSTRAINT app_password_account_id_name_key UNIQUE (account_id, name);

ALTER TABLE ONLY public.app_password
    ADD CONSTRAINT app_password_account_id_secret_hash_key UNIQUE (account_id, secret_hash);

ALTER TABLE ONLY public.app_password
    ADD CONSTRAINT app_password_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.blob
    ADD CONSTRAINT blob_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.dkim_key
    ADD CONSTRAINT dkim_key_domain_id_selector_key UNIQUE (domain_id, selector);

ALTER TABLE ONLY public.dkim_key
    ADD CONSTRAINT dkim_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.domain
    ADD CONSTRAINT domain_id_organization_id_key UNIQUE (id, organization_id);

ALTER TABLE ONLY public.domain
    ADD CONSTRAINT domain_name_key UNIQUE (name);

ALTER TABLE ONLY public.domain
    ADD CONSTRAINT domain_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.hidden_capability
    ADD CONSTRAINT hidden_capability_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.login_failure
    ADD CONSTRAINT login_failure_pkey PRIMARY KEY (subject);

ALTER TABLE ONLY public.login_network
    ADD CONSTRAINT login_network_pkey PRIMARY KEY (account_id, network);

ALTER TABLE ONLY public.mailbox
    ADD CONSTRAINT mailbox_account_id_name_key UNIQUE (account_id, name);

ALTER TABLE ONLY public.mailbox_event
    ADD CONSTRAINT mailbox_event_pkey PRIMARY KEY (mailbox_id, modseq);

ALTER TABLE ONLY public.mailbox_message
    ADD CONSTRAINT mailbox_message_pkey PRIMARY KEY (mailbox_id, uid);

ALTER TABLE ONLY public.mailbox_pack
    ADD CONSTRAINT mailbox_pack_pkey PRIMARY KEY (mailbox_id, first_uid);

ALTER TABLE ONLY public.mailbox
    ADD CONSTRAINT mailbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.mailbox_right
    ADD CONSTRAINT mailbox_right_pkey PRIMARY KEY (mailbox_id, account_id, negative);

ALTER TABLE ONLY public.mailbox_snapshot
    ADD CONSTRAINT mailbox_snapshot_pkey PRIMARY KEY (mailbox_id);

ALTER TABLE ONLY public.mailbox_unfolded
    ADD CONSTRAINT mailbox_unfolded_pkey PRIMARY KEY (mailbox_id);

ALTER TABLE ONLY public.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.organization
    ADD CONSTRAINT organization_name_key UNIQUE (name);

ALTER TABLE ONLY public.organization
    ADD CONSTRAINT organization_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.queue_message
    ADD CONSTRAINT queue_message_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.queue_recipient
    ADD CONSTRAINT queue_recipient_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.queue_recipient
    ADD CONSTRAINT queue_recipient_queue_id_recipient_key UNIQUE (queue_id, recipient);

ALTER TABLE ONLY public.replaced_sender
    ADD CONSTRAINT replaced_sender_pkey PRIMARY KEY (token);

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (stream, number);

ALTER TABLE ONLY public.secret
    ADD CONSTRAINT secret_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.spool
    ADD CONSTRAINT spool_pkey PRIMARY KEY (generation, blob_id);

ALTER TABLE ONLY public.spool_1
    ADD CONSTRAINT spool_1_pkey PRIMARY KEY (generation, blob_id);

ALTER TABLE ONLY public.store
    ADD CONSTRAINT store_name_key UNIQUE (name);

ALTER TABLE ONLY public.store
    ADD CONSTRAINT store_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.subscription
    ADD CONSTRAINT subscription_pkey PRIMARY KEY (account_id, name);

ALTER TABLE ONLY public.text_pack
    ADD CONSTRAINT text_pack_pkey PRIMARY KEY (mailbox_id, last_uid);

CREATE INDEX address_owners ON public.address USING gin (owners) WHERE (kind = 'group'::text);

CREATE INDEX address_targets ON public.address USING gin (targets);

CREATE INDEX annotation_account ON public.annotation USING btree (account_id) WHERE (account_id <> 0);

CREATE INDEX domain_alias_of ON public.domain USING btree (alias_of) WHERE (alias_of IS NOT NULL);

CREATE INDEX domain_organization ON public.domain USING btree (organization_id);

CREATE UNIQUE INDEX hidden_capability_account ON public.hidden_capability USING btree (account_id, capability) WHERE (account_id IS NOT NULL);

CREATE UNIQUE INDEX hidden_capability_client ON public.hidden_capability USING btree (client, version, capability) WHERE (client IS NOT NULL);

CREATE INDEX mailbox_message_message ON public.mailbox_message USING btree (message_id);

CREATE INDEX mailbox_pack_stale ON public.mailbox_pack USING btree (stale_at) WHERE (stale_at IS NOT NULL);

CREATE INDEX mailbox_right_account ON public.mailbox_right USING btree (account_id, organization_id);

CREATE INDEX message_blob ON public.message USING btree (blob_id);

CREATE INDEX message_released_at ON public.message_released USING btree (released_at);

CREATE INDEX queue_message_blob ON public.queue_message USING btree (blob_id);

CREATE INDEX queue_recipient_due ON public.queue_recipient USING btree (next_attempt_at) WHERE (state = ANY (ARRAY['queued'::text, 'deferred'::text]));

CREATE INDEX queue_recipient_leased ON public.queue_recipient USING btree (lease_until) WHERE (state = 'leased'::text);

CREATE INDEX replaced_sender_used_at ON public.replaced_sender USING btree (used_at);

CREATE INDEX secret_name ON public.secret USING btree (name, id DESC);

ALTER INDEX public.spool_pkey ATTACH PARTITION public.spool_1_pkey;

CREATE TRIGGER account_changed AFTER INSERT OR DELETE OR UPDATE ON public.account FOR EACH ROW EXECUTE FUNCTION public.notify_domain_of_row();

CREATE TRIGGER address_changed AFTER INSERT OR DELETE OR UPDATE ON public.address FOR EACH ROW EXECUTE FUNCTION public.notify_domain_of_row();

CREATE TRIGGER app_password_changed AFTER INSERT OR DELETE ON public.app_password FOR EACH ROW EXECUTE FUNCTION public.notify_domain_of_account();

CREATE TRIGGER dkim_key_changed AFTER INSERT OR DELETE OR UPDATE ON public.dkim_key FOR EACH ROW EXECUTE FUNCTION public.notify_domain_of_row();

CREATE TRIGGER domain_changed AFTER INSERT OR DELETE OR UPDATE ON public.domain FOR EACH ROW EXECUTE FUNCTION public.notify_domain();

CREATE TRIGGER hidden_capability_changed AFTER INSERT OR DELETE ON public.hidden_capability FOR EACH ROW EXECUTE FUNCTION public.notify_directory();

CREATE TRIGGER organization_changed AFTER UPDATE OF contact ON public.organization FOR EACH ROW EXECUTE FUNCTION public.notify_directory();

CREATE TRIGGER secret_changed AFTER INSERT OR DELETE OR UPDATE ON public.secret FOR EACH ROW EXECUTE FUNCTION public.notify_directory();

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_domain_id_fkey FOREIGN KEY (domain_id) REFERENCES public.domain(id);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_domain_id_local_part_fkey FOREIGN KEY (domain_id, local_part) REFERENCES public.address(domain_id, local_part);

ALTER TABLE ONLY public.address
    ADD CONSTRAINT address_domain_id_fkey FOREIGN KEY (domain_id) REFERENCES public.domain(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.app_password
    ADD CONSTRAINT app_password_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.dkim_key
    ADD CONSTRAINT dkim_key_domain_id_fkey FOREIGN KEY (domain_id) REFERENCES public.domain(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.domain
    ADD CONSTRAINT domain_alias_of_organization_id_fkey FOREIGN KEY (alias_of, organization_id) REFERENCES public.domain(id, organization_id);

ALTER TABLE ONLY public.domain
    ADD CONSTRAINT domain_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.hidden_capability
    ADD CONSTRAINT hidden_capability_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.login_network
    ADD CONSTRAINT login_network_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.organization
    ADD CONSTRAINT organization_store_id_fkey FOREIGN KEY (store_id) REFERENCES public.store(id);

ALTER TABLE ONLY public.queue_recipient
    ADD CONSTRAINT queue_recipient_queue_id_fkey FOREIGN KEY (queue_id) REFERENCES public.queue_message(id) ON DELETE CASCADE;
