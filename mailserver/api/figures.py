"""/metrics: what all workers count, and what is read from Postgres at the moment of the scrape."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from mailserver.errors import StorageUnavailable
from mailserver.logs import logger
from mailserver.storage import figures
from mailserver.storage.database import Database

CONTENT_TYPE = CONTENT_TYPE_LATEST
# A domain in one of these states has proved that it belongs to its organization.
_VERIFIED = {"verified", "certificate", "active", "degraded"}

log = logger("api")


@dataclass(slots=True, eq=False)
class Figures(Collector):
    """Figures from Postgres; `up` is False when it did not answer, the rest is absent then."""

    up: bool = False
    storage_used: dict[str, int] = field(default_factory=dict)
    domain_states: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("database_up", "1 when Postgres answers", value=float(self.up))
        used = GaugeMetricFamily(
            "domain_storage_used_bytes", "Bytes in the domain's mailboxes", labels=["domain"]
        )
        for domain, size in self.storage_used.items():
            used.add_metric([domain], size)
        verified = GaugeMetricFamily(
            "domain_verified",
            "1 when the domain is verified; status is its state",
            labels=["domain", "status"],
        )
        for domain, state in self.domain_states.items():
            verified.add_metric([domain, state], float(state in _VERIFIED))
        waiting = GaugeMetricFamily(
            "queue_recipients", "Recipients waiting in the outbound queue", labels=["state"]
        )
        for state, count in self.waiting.items():
            waiting.add_metric([state], count)
        yield from (used, verified, waiting)


async def read(database: Database) -> Figures:
    """The figures as Postgres has them now."""
    try:
        async with database.transaction(snapshot=True) as connection:
            return Figures(
                up=True,
                storage_used=await figures.storage_used(connection),
                domain_states=await figures.domain_states(connection),
                waiting=await figures.waiting_recipients(connection),
            )
    except StorageUnavailable as error:
        log.warning("metrics without Postgres", cause=str(error))
        return Figures()


async def exposition(database: Database) -> bytes:
    """The whole answer to a scrape, in Prometheus's text format."""
    # Adding up the workers' files reads the disk: not in the loop.
    return await asyncio.to_thread(_render, await read(database))


def _render(current: Figures) -> bytes:
    registry = CollectorRegistry()
    registry.register(current)
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(registry) + generate_latest(REGISTRY)
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
