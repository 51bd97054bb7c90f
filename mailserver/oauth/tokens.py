"""JSON Web Tokens (RFC 7519) as bearer tokens: signed by the issuer, for us, not expired."""

import time
from collections.abc import Callable

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from mailserver.oauth.interface import BadToken
from mailserver.oauth.jwks import Jwks
from mailserver.settings import OAuth

# RFC 8725 §3.1: only these, whatever the token says; none of them has a shared secret.
_ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
_LEEWAY = 30  # seconds that the clocks of the issuer and of this host may differ


class UnknownKey(BadToken):
    """Signed by a key that is not known, or not known yet."""


class TokenIssuer:
    """One issuer; `clock` is monotonic, `now` gives seconds since 1970."""

    def __init__(
        self,
        settings: OAuth,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._jwks = Jwks(settings, clock)
        self._rules = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
        )

    @property
    def discovery(self) -> str:
        return self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"

    async def address(self, token: str) -> str:
        """The address in the token's claim; see `Issuer`."""
        keys = await self._jwks.keys()
        try:
            return self.decide(token, keys)
        except UnknownKey:
            # The issuer may have begun to sign with a new key.
            return self.decide(token, await self._jwks.newer(keys))

    def decide(self, token: str, keys: KeySet) -> str:
        """The address in the claim of a token that one of `keys` has signed. Raises BadToken."""
        try:
            claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            self._rules.validate(claims)
        except InvalidKeyIdError as error:
            raise UnknownKey(str(error)) from None
        except (JoseError, ValueError, TypeError) as error:
            raise BadToken(f"{type(error).__name__}: {error}") from None
        name = self._settings.claim
        address = claims.get(name)
        if not isinstance(address, str) or not address:
            raise BadToken(f"no claim {name}")
        # OpenID Connect Core §5.1: what the user typed there and never proved to own.
        if name == "email" and claims.get("email_verified") is False:
            raise BadToken("email is not verified")
        return address
