"""Bearer tokens that an issuer elsewhere signs: the one door to joserfc and to its keys."""

from mailserver.oauth.interface import BadToken, Issuer
from mailserver.settings import OAuth

__all__ = ["BadToken", "Issuer", "open_issuer"]


def open_issuer(settings: OAuth) -> Issuer | None:
    """The issuer that `[auth.oauth]` names, if it names one; nothing is asked before a login."""
    if not settings.issuer:
        return None
    # Here, since joserfc and aiohttp take memory that others do not need.
    from mailserver.oauth.tokens import TokenIssuer

    return TokenIssuer(settings)
