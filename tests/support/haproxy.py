"""HAProxy from Debian's package, on loopback, in front of our ports."""

import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs import PATH, require
from tests.support.remote_mx import free_port


@contextmanager
def haproxy(folder: Path, backends: Mapping[str, tuple[int, str]]) -> Iterator[Mapping[str, int]]:
    """A running HAProxy; `backends` are ports and server options by name. Gives its own ports."""
    require("haproxy")
    ports = {name: free_port() for name in backends}
    config = folder / "haproxy.cfg"
    config.write_text(
        textwrap.dedent("""\
            defaults
                mode tcp
                timeout connect 5s
                timeout client 60s
                timeout server 60s
            """)
        + "".join(
            f"listen {name}\n"
            f"    bind 127.0.0.1:{ports[name]}\n"
            f"    server ours 127.0.0.1:{port} {options}\n"
            for name, (port, options) in backends.items()
        )
    )
    process = subprocess.Popen(
        ["haproxy", "-db", "-f", str(config)],
        env={"PATH": PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield ports
    finally:
        process.terminate()
        process.communicate(timeout=20)
