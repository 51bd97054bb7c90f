"""An issuer of tokens: a real HTTPS server with its keys, and what signs tokens with them."""

import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from mailserver.settings import OAuth

ISSUER, AUDIENCE = "https://id.example.test/", "mail.example.test"


class TokenServer:
    """Serves `keys`; `asked` counts how often it did. Without `up` it answers 503."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self.signing: Key = RSAKey.generate_key(2048, {"kid": "one"})
        self.published = [self.signing]
        self.document: bytes | None = None  # instead of the keys
        self.asked = 0
        self.up = True
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}/jwks"

    @property
    def settings(self) -> OAuth:
        return OAuth(issuer=ISSUER, audience=AUDIENCE, jwks=self.url, timeout=5.0)

    @property
    def environment(self) -> dict[str, str]:
        """What a server process needs to take this issuer's tokens."""
        return {
            "MAILSERVER__AUTH__OAUTH__ISSUER": ISSUER,
            "MAILSERVER__AUTH__OAUTH__AUDIENCE": AUDIENCE,
            "MAILSERVER__AUTH__OAUTH__JWKS": self.url,
            "SSL_CERT_FILE": str(self.authority),
        }

    def rotate(self) -> None:
        """Sign with a new key, which is published at once."""
        self.signing = ECKey.generate_key("P-256", {"kid": f"key-{len(self.published)}"})
        self.published.append(self.signing)

    def token(self, address: str, key: Key | None = None, **changes: Any) -> str:
        """A token of `address`, good for an hour; a claim changed to None is left out."""
        signing = key or self.signing
        algorithm = "RS256" if isinstance(signing, RSAKey) else "ES256"
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": [AUDIENCE, "other"],
            "exp": int(time.time()) + 3600,
            "email": address,
            **changes,
        }
        header = {"alg": algorithm, "kid": signing.kid}
        return jwt.encode(header, {k: v for k, v in claims.items() if v is not None}, signing)

    @contextmanager
    def running(self) -> Iterator["TokenServer"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                public = KeySet(list(issuer.published)).as_dict(private=False)
                body = issuer.document or json.dumps(public).encode()
                self.send_response(200 if issuer.up else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        return Handler
