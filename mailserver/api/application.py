"""The HTTP application: /healthz, /readyz, /metrics; everything else is a 404 as problem JSON."""

from http import HTTPStatus

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mailserver import health
from mailserver.api import figures
from mailserver.api.problems import http_error, internal_error
from mailserver.objects import ObjectStore
from mailserver.storage.database import Database
from mailserver.storage.notifications import Listener


def application(database: Database, listener: Listener, objects: ObjectStore) -> Starlette:
    """The application of one process, over what that process holds."""

    async def healthz(_request: Request) -> Response:
        """The process lives; says nothing about what it needs."""
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        """200 when all facts are good, else 503: a load balancer sends no traffic then."""
        facts = [
            *await health.postgres(database.dsn),
            await health.object_store(objects),
            health.notifications(listener.connected),
        ]
        ready = all(fact.ok for fact in facts)
        body = {"ready": ready, "facts": facts}
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(msgspec.json.encode(body), status, media_type="application/json")

    async def metrics(_request: Request) -> Response:
        return Response(await figures.exposition(database), media_type=figures.CONTENT_TYPE)

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)],
        exception_handlers={HTTPException: http_error, Exception: internal_error},
    )
