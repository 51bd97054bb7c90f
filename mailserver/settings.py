"""Every setting, its default and its unit; read once at start, never changed while running.

TOML, then environment: `MAILSERVER__SECTION__KEY=value` overrides `[section] key`. With no file at
all this is the embedded default. A wrong key, type or range is a SettingsError naming it.
`config/mailserver.example.toml` says why each default is what it is; a test holds the two equal.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from mailserver.errors import SettingsError

Role = Literal["smtp", "submission", "imap", "delivery", "domains", "api"]
ROLES: tuple[Role, ...] = ("smtp", "submission", "imap", "delivery", "domains", "api")

Mechanism = Literal[
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"
]

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Bytes = Annotated[int, msgspec.Meta(ge=1)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Listen(_Section, frozen=True):
    """Where each door is; port 0 closes it."""

    address: str = "127.0.0.1"
    smtp: Port = 2525
    submission: Port = 2587
    submissions: Port = 2465
    imap: Port = 2143
    imaps: Port = 2993
    http: Port = 2080
    lmtp: Port = 0
    lmtp_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    proxy_networks: tuple[str, ...] = ()  # balancers that send the PROXY header, to the mail doors
    proxy_timeout: Seconds = 5.0  # for the header


class Database(_Section, frozen=True):
    """Postgres. An empty `dsn` starts the embedded one in the data directory."""

    dsn: str = ""
    connections: Count = 10  # per worker process
    timeout: Seconds = 15.0  # for one statement


class Objects(_Section, frozen=True):
    """Where large messages go: a folder, or an S3 bucket."""

    backend: Literal["folder", "s3"] = "folder"
    folder: str = ""  # empty: DATA_DIR/objects
    bucket: str = ""
    prefix: str = ""
    endpoint: str = ""  # empty: AWS
    region: str = "us-east-1"
    access_key: str = ""  # empty: the SDK's own chain (environment, profile, instance role)
    secret_key: str = ""
    inline_limit: Bytes = 128 * 1024  # bytes; up to here a message lives in the spool
    cache_bytes: Bytes = 32 * 1024 * 1024  # of messages read lately, per worker process
    timeout: Seconds = 30.0


class Tls(_Section, frozen=True):
    """The primary certificate; empty: a self-signed one is made in the data directory."""

    certificate: str = ""
    key: str = ""
    certificates: Count = 2000  # of other names, loaded at the same time, per worker process
    recheck: Seconds = 60.0  # a changed file is noticed at the first handshake after it
    handshake_timeout: Seconds = 30.0


class Smtp(_Section, frozen=True):
    """Receiving, on 25 as on submission."""

    max_message_size: Bytes = 50 * 1024 * 1024
    max_recipients: Count = 1000
    max_transactions: Annotated[int, msgspec.Meta(ge=0)] = 0  # of one session; 0: no limit
    bare_line_ends: Literal["refuse", "normalise"] = "refuse"
    command_timeout: Seconds = 300.0  # RFC 5321 §4.5.3.2.7
    data_timeout: Seconds = 180.0  # RFC 5321 §4.5.3.2.5: between two blocks of DATA
    max_sessions: Count = 10_000  # per worker process
    max_errors: Count = 20  # bad commands before 421
    max_hops: Count = 50  # Received fields before a loop is assumed


class Submission(_Section, frozen=True):
    """What users may ask for when they send."""

    max_hold: Annotated[int, msgspec.Meta(ge=1, le=999_999_999)] = 30 * 86400  # seconds, RFC 4865
    min_by: Annotated[int, msgspec.Meta(ge=1, le=999_999_999)] = 60  # seconds, RFC 2852


class Imap(_Section, frozen=True):
    """Reading."""

    max_literal: Bytes = 50 * 1024 * 1024
    literals: Literal["LITERAL+", "LITERAL-"] = "LITERAL+"
    max_line: Bytes = 64 * 1024
    login_timeout: Seconds = 60.0
    literal_timeout: Seconds = 300.0  # between two pieces of a message
    idle_timeout: Seconds = 1800.0  # RFC 3501 §5.4: at least 30 minutes
    write_timeout: Seconds = 60.0  # a client that does not read
    max_sessions: Count = 20_000  # per worker process
    cache_bytes: Bytes = 64 * 1024 * 1024  # ready-made FETCH bytes, per worker process
    max_annotation: Bytes = 16 * 1024  # one value of METADATA
    max_annotations: Count = 100  # of a mailbox that a user sees, and of the server
    message_limit: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0  # of one command; 0: none


class Search(_Section, frozen=True):
    """The text index."""

    index: bool = True  # False: SEARCH BODY and TEXT read the messages
    text_limit: Bytes = 1024 * 1024  # octets of a message's text that are indexed


class Delivery(_Section, frozen=True):
    """Sending to other hosts."""

    resolver: tuple[str, ...] = ()  # "address" or "address:port"; empty: the system's
    routes: dict[str, str] = {}  # domain, or "*", to "host:port": a smarthost
    smtp_port: Port = 25  # of remote MXs
    connections: Count = 20  # at the same time, per worker process
    connect_timeout: Seconds = 30.0
    command_timeout: Seconds = 300.0
    retry_first: Seconds = 300.0  # before the second attempt; doubles from there
    retry_most: Seconds = 4 * 3600.0
    lifetime: Seconds = 5 * 86400.0  # RFC 5321 §4.5.4.1: at least 4-5 days
    delay_notice: Seconds = 4 * 3600.0  # before the sender is told that it takes longer
    authorities: str = ""  # PEM file; empty: those of the system
    lease: Seconds = 60.0  # renewed while an attempt runs
    batch: Count = 100  # recipients claimed at once
    keep_finished: Seconds = 7 * 86400.0  # how long outcomes can be looked up


class Addresses(_Section, frozen=True):
    """Where addresses lead."""

    separator: Annotated[str, msgspec.Meta(pattern="^[+=_.~-]?$")] = "+"  # user+detail; "": none
    postmaster: str = ""  # answers for domains whose organization names nobody
    trust_envelope_sender: bool = False  # of port 25, when a group asks who posts
    srs_lifetime: Annotated[float, msgspec.Meta(ge=86400, le=1000 * 86400)] = 21 * 86400.0


class Retention(_Section, frozen=True):
    """How long what nobody sees any more is kept."""

    expunged: Seconds = 7 * 86400.0  # an expunged message's bytes


class Limits(_Section, frozen=True):
    """Anti-abuse. Exempt networks are never throttled."""

    exempt_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    credential_cache: Seconds = 300.0
    failed_login_delay: Seconds = 2.0  # doubles with each failure that is not forgotten
    failed_logins_per_account: Count = 10  # in failed_login_window
    failed_logins_per_network: Count = 50  # the same, of an IPv4 /24 or an IPv6 /64
    failed_login_window: Seconds = 900.0


class OAuth(_Section, frozen=True):
    """Whose bearer tokens log in; an empty `issuer`: nobody's."""

    issuer: str = ""
    audience: str = ""
    jwks: str = ""  # URL or file
    claim: str = "email"
    jwks_lifetime: Seconds = 3600.0
    timeout: Seconds = 5.0


class Auth(_Section, frozen=True):
    """Logging in: SASL mechanisms that are offered, tokens."""

    mechanisms: Annotated[tuple[Mechanism, ...], msgspec.Meta(min_length=1)] = get_args(Mechanism)
    oauth: OAuth = OAuth()


class Logs(_Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(_Section, frozen=True):
    """The whole of it."""

    hostname: str = "mail.example.test"  # the primary host: EHLO name, Received, Reporting-MTA
    data_dir: str = "var"
    workers: Annotated[int, msgspec.Meta(ge=0)] = 0  # processes; 0: one per core
    drain_timeout: Seconds = 30.0
    listen: Listen = Listen()
    database: Database = Database()
    objects: Objects = Objects()
    tls: Tls = Tls()
    smtp: Smtp = Smtp()
    submission: Submission = Submission()
    imap: Imap = Imap()
    search: Search = Search()
    delivery: Delivery = Delivery()
    addresses: Addresses = Addresses()
    retention: Retention = Retention()
    limits: Limits = Limits()
    auth: Auth = Auth()
    logs: Logs = Logs()

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.data_dir)

    @property
    def worker_count(self) -> int:
        return self.workers or len(os.sched_getaffinity(0))


def load(path: str | None, environment: Mapping[str, str]) -> Settings:
    """Settings from the TOML file at `path` (None: no file) and `environment`."""
    document = _read(path) if path else {}
    if directory := environment.get("MAILSERVER_DATA_DIR"):
        document["data_dir"] = directory
    for name, value in sorted(environment.items()):
        if name.startswith("MAILSERVER__"):
            _override(document, name, value)
    try:
        return msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None


def _override(document: dict[str, Any], name: str, value: str) -> None:
    *sections, key = name.removeprefix("MAILSERVER__").lower().split("__")
    table = document
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{name}: `{section}` is no section")
    table[key] = _value(value)


def _value(text: str) -> Any:
    """A TOML value where `text` is one, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _one_line(error: msgspec.ValidationError) -> str:
    # msgspec: "Expected `int`, got `str` - at `$.listen.smtp`"
    reason, _, where = str(error).partition(" - at `$.")
    return f"{where.rstrip('`')}: {reason}" if where else reason
