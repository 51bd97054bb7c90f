"""The response code of RFC 9738: only so many messages were taken, or are in one command."""


# RFC 9738 §4: resp-text-code =/ "MESSAGELIMIT" SP message-limit [SP uniqueid]
def message_limit_code(limit: int, uid: int | None = None) -> bytes:
    """`MESSAGELIMIT 1000 23221`: the lowest UID that was taken, if some were."""
    return b"MESSAGELIMIT %d" % limit if uid is None else b"MESSAGELIMIT %d %d" % (limit, uid)
