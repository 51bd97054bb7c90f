"""The figures this process counts; the api puts all workers' together at /metrics.

Base units, bounded label values: `domain` and `organization` are ours (or "" where the domain is
not), never what a stranger typed. In a worker PROMETHEUS_MULTIPROC_DIR is set before this module
is imported, so that the counts live in files that the scrape of any worker adds up and that
outlive a worker which dies.
"""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

SMTP_MESSAGES = Counter(
    "smtp_messages_total",
    "Messages by direction (in, submission, out) and result"
    " (accepted, refused, deferred, bounced, delivered)",
    ["domain", "organization", "direction", "result"],
)
SMTP_SESSIONS = Gauge(
    "smtp_sessions",
    "Open SMTP connections by door (smtp, lmtp, submission, submissions)",
    ["door"],
    multiprocess_mode="livesum",
)
SMTP_REFUSALS = Counter(
    "smtp_refusals_total",
    "Commands and messages refused, by reply code and enhanced status code",
    ["code", "enhanced"],
)
IMAP_SESSIONS = Gauge(
    "imap_sessions",
    "Open IMAP connections by door (imap, imaps)",
    ["door"],
    multiprocess_mode="livesum",
)
IMAP_COMMANDS = Counter(
    "imap_commands_total",
    "IMAP commands by name (known ones, or other) and result (OK, NO, BAD)",
    ["command", "result"],
)
IMAP_FETCHED_BYTES = Counter("imap_fetched_bytes_total", "Bytes sent in FETCH responses")
SEARCH_INDEXED = Counter("search_indexed_messages_total", "Messages put into the text index")
SEARCH_WAITING = Gauge(
    "search_waiting_messages",
    "Messages that arrived and are not in the text index yet; a search reads them",
    multiprocess_mode="livesum",
)
SEARCH_LAG = Gauge(
    "search_lag_seconds",
    "How long the mailbox that waits longest has been waiting to be indexed",
    multiprocess_mode="livemax",
)
TLS_HANDSHAKES = Counter(
    "tls_handshakes_total",
    "TLS handshakes by door, version (of those that succeeded) and result (full, resumed, failed)",
    ["door", "version", "result"],
)
LOGINS = Counter(
    "logins_total",
    "Logins by door (submission, submissions, imap, imaps) and SASL mechanism",
    ["door", "mechanism"],
)
LOGIN_FAILURES = Counter(
    "login_failures_total",
    "Refused logins by protocol (smtp, imap) and reason (credentials: wrong, unknown or suspended;"
    " limited: too many failures before it; malformed; undecided: storage, memory or keys away)",
    ["protocol", "reason"],
)
DELIVERY_ATTEMPTS = Counter(
    "delivery_attempts_total",
    "Attempts to hand a recipient's mail to its host, by result (delivered, deferred, bounced)",
    ["result"],
)
DELIVERY_REPORTS = Counter(
    "delivery_reports_total",
    "Recipients whose sender was told, by action (failed, delayed, delivered, relayed, expanded)",
    ["action"],
)
REWRITTEN_SENDERS = Counter(
    "srs_recipients_total",
    "Recipients that stand for the sender of forwarded mail, by result (accepted, refused)",
    ["result"],
)
INGEST_COMMIT_SECONDS = Histogram(
    "ingest_commit_seconds",
    "Time of one group commit, from taking its batch to durable",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
INGEST_BATCH = Histogram(
    "ingest_batch_messages",
    "Messages made durable together by one group commit",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)


@lru_cache(maxsize=4096)
def smtp_messages(domain: str, organization: str, direction: str, result: str) -> Counter:
    """One counter of smtp_messages_total: finding it by its labels costs more than counting."""
    return SMTP_MESSAGES.labels(domain, organization, direction, result)
