"""Errors over HTTP are problem JSON (RFC 9457)."""

from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response


def problem(status: int, detail: str, *, field: str | None = None) -> Response:
    """A problem document; `field` names the input at fault where there is one."""
    # RFC 9457 §4.2.1: "about:blank" says no more than the status code, whose phrase is the title.
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"detail": detail} | ({"field": field} if field else {})
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json")


async def http_error(request: Request, error: Exception) -> Response:
    """What Starlette raises for an unknown path or a wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(error.status_code, f"nothing is at {request.url.path}")
    answer = problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}")
    answer.headers.update(error.headers or {})
    return answer


async def internal_error(_request: Request, _error: Exception) -> Response:
    """A mistake of ours; the cause is in the log only."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server made a mistake; see its log")
