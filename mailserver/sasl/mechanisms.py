"""Which mechanisms there are, and how an exchange of each begins."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailserver.sasl.exchange import Exchange
from mailserver.sasl.oauth import oauthbearer, xoauth2
from mailserver.sasl.plain import login, plain
from mailserver.sasl.scram import scram

PLUS = "SCRAM-SHA-256-PLUS"
OAUTH = ("OAUTHBEARER", "XOAUTH2")
# In the order in which a client does best to choose.
MECHANISMS = (PLUS, "SCRAM-SHA-256", "PLAIN", "LOGIN", *OAUTH)


@dataclass(slots=True)
class Context:
    """What an exchange is told of the world; `nonce` is fresh for each."""

    offered: tuple[str, ...]
    nonce: str
    bindings: Mapping[str, bytes] = field(default_factory=dict)  # channel binding type → data
    discovery: str = ""  # URL of the token issuer's metadata


def begin(mechanism: str, context: Context) -> Exchange:
    """The exchange of a mechanism that is offered."""
    match mechanism:
        case "PLAIN":
            return plain()
        case "LOGIN":
            return login()
        case "OAUTHBEARER":
            return oauthbearer(context.discovery)
        case "XOAUTH2":
            return xoauth2()
    plus = mechanism == PLUS
    return scram(context.nonce, context.bindings, plus=plus, offers_plus=PLUS in context.offered)
