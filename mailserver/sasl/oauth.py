"""Bearer tokens (RFC 6750) instead of passwords: OAUTHBEARER (RFC 7628), and XOAUTH2, which came
before it and which most clients still speak."""

import json
import re

from mailserver.sasl.exchange import Denied, Exchange, Malformed, TokenClaim, response_to, text
from mailserver.sasl.names import SASLNAME, unescaped

# RFC 7628 §3.1: client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep
#   kvpair = key "=" value kvsep;  key = 1*(ALPHA);  value = *(VCHAR / SP / HTAB / CR / LF)
_PAIRS = r"(?P<pairs>(?:[A-Za-z]+=[\t\r\n\x20-\x7e]*\x01)*)\x01"
_OAUTHBEARER = re.compile(rf"n,(?:a=(?P<name>(?:{SASLNAME})?))?,\x01{_PAIRS}")
_XOAUTH2 = re.compile(r"user=(?P<name>[^\x00-\x1f]*)\x01" + _PAIRS)
# RFC 6750 §2.1: credentials = "Bearer" 1*SP b64token; the scheme in any case (RFC 7235 §2.1)
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


def oauthbearer(discovery: str) -> Exchange:
    """`discovery`: URL of the issuer's metadata, told to a client whose token is not good."""
    found = _OAUTHBEARER.fullmatch(text((yield from response_to(b""))))
    if found is None:
        raise Malformed("no client message of OAUTHBEARER")
    name = unescaped(found["name"] or "")
    # RFC 7628 §3.2.2
    problem = {"status": "invalid_token", "openid-configuration": discovery}
    yield from _check(name, found["pairs"], problem)


def xoauth2() -> Exchange:
    """The same under older spelling."""
    found = _XOAUTH2.fullmatch(text((yield from response_to(b""))))
    if found is None:
        raise Malformed("no client message of XOAUTH2")
    problem = {"status": "401", "schemes": "bearer", "scope": "mail"}
    yield from _check(found["name"], found["pairs"], problem)


def _check(name: str, pairs: str, problem: dict[str, str]) -> Exchange:
    values = dict(pair.split("=", 1) for pair in pairs.split("\x01")[:-1])
    bearer = _BEARER.fullmatch(values.get("auth", ""))
    if bearer is None:
        raise Malformed("no bearer token")
    good: bool = yield TokenClaim(name, bearer[1])
    if not good:
        # RFC 7628 §3.2.3: the client answers with one octet 0x01, or as it likes; it has failed.
        yield from response_to(json.dumps(problem).encode())
        raise Denied
