"""Other people's programs: whether they are here, and how they run.

Where one is missing its tests skip and say which; with CI=true in the environment they fail.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

T = TypeVar("T")

# Postfix lives where only root's PATH leads.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

_PATIENCE = 60.0  # seconds for one run of a program


def absent(reason: str) -> NoReturn:
    """Leave the test out because of `reason`; on CI it has to run, and fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require(*programs: str) -> None:
    """Go on only where these programs are installed."""
    for program in programs:
        if shutil.which(program, path=PATH) is None:
            absent(f"{program} is not installed")


def require_root(why: str) -> None:
    """Go on only as root."""
    if os.geteuid() != 0:
        pytest.skip(f"not root: {why}")


def run(*command: str | Path, input: bytes = b"", **environment: str) -> tuple[int, str]:
    """Run a program to its end; gives its exit status and all it said."""
    done = subprocess.run(
        command,
        input=input,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", **environment},
        timeout=_PATIENCE,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def succeed(*command: str | Path, input: bytes = b"", **environment: str) -> str:
    """Run a program that must succeed; gives all it said."""
    status, said = run(*command, input=input, **environment)
    assert status == 0, f"{command[0]} exits with {status}:\n{said}"
    return said


def eventually(find: Callable[[], T], seconds: float = 20.0) -> T:
    """The first thing found that is true; AssertionError when nothing is for so long."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.1)
    return found
