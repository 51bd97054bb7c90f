"""Names inside a GS2 header (RFC 5801 §4), as SCRAM and OAUTHBEARER send them."""

# saslname = 1*(UTF8-char-safe / "=2C" / "=3D")
SASLNAME = r"(?:[^\0,=]|=2C|=3D)+"


def unescaped(saslname: str) -> str:
    """RFC 5801 §4: "," is "=2C" and "=" is "=3D"."""
    return saslname.replace("=2C", ",").replace("=3D", "=")
