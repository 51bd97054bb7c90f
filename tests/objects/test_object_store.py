"""One contract, two stores: a folder and an S3 API."""

import asyncio
import mmap
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import boto3
import pytest

from mailserver.errors import StorageUnavailable
from mailserver.objects import ObjectMissing, ObjectStore
from mailserver.objects.folder import FolderStore
from mailserver.objects.s3 import S3Store
from mailserver.settings import Objects


@pytest.fixture(scope="module")
def s3() -> Iterator[Objects]:
    """A moto server: the real S3 API on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
        client.create_bucket(Bucket="mail")
        client.close()
        yield Objects(
            backend="s3",
            bucket="mail",
            prefix="store/",
            endpoint=endpoint,
            access_key="key",
            secret_key="secret",
            timeout=10,
        )
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(params=["folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    opened: ObjectStore
    if request.param == "folder":
        opened = FolderStore(tmp_path / "objects")
    else:
        opened = S3Store(request.getfixturevalue("s3"))
    await opened.check()
    yield opened
    await opened.close()


async def test_bytes_come_back_whole_and_in_ranges(store: ObjectStore) -> None:
    content = os.urandom(300_000)
    await store.put("1/a", content)
    assert await store.get("1/a") == content
    assert await store.get("1/a", 1000, 2000) == content[1000:2000]
    assert await store.get("1/a", 299_990) == content[299_990:]
    assert await store.get("1/a", 299_990, 400_000) == content[299_990:]
    assert await store.get("1/a", 5, 5) == b""


async def test_a_mapped_file_is_stored_like_bytes(store: ObjectStore) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 200_000 + b"end")
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            await store.put("2/mapped", content)
    assert await store.get("2/mapped", 199_998) == b"xxend"


async def test_putting_a_key_again_is_harmless(store: ObjectStore) -> None:
    await store.put("3/same", b"same")
    await store.put("3/same", b"same")
    assert await store.get("3/same") == b"same"


async def test_what_is_missing_is_said_to_be_missing(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        await store.get("4/never")
    await store.put("4/gone", b"x")
    await store.delete("4/gone")
    await store.delete("4/gone")
    with pytest.raises(ObjectMissing):
        await store.get("4/gone")


async def test_many_at_once_do_not_mix(store: ObjectStore) -> None:
    async def one(number: int) -> None:
        await store.put(f"5/{number}", b"%d" % number * 1000)
        assert await store.get(f"5/{number}") == b"%d" % number * 1000

    await asyncio.gather(*(one(number) for number in range(30)))


async def test_a_store_that_is_away_is_unavailable(s3: Objects, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    away = S3Store(
        Objects(
            backend="s3",
            bucket="mail",
            endpoint=endpoint,
            timeout=2,
            access_key="k",
            secret_key="s",
        )
    )
    with pytest.raises(StorageUnavailable):
        await away.put("a/b", b"x")
    await away.close()
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        await FolderStore(blocked).put("a/b", b"x")
    no_bucket = S3Store(
        Objects(
            backend="s3",
            bucket="other",
            endpoint=s3.endpoint,
            timeout=5,
            access_key="key",
            secret_key="secret",
        )
    )
    with pytest.raises(StorageUnavailable):
        await no_bucket.put("a/b", b"x")
    await no_bucket.close()


async def test_a_folder_never_shows_half_an_object(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.put("1/whole", b"x" * 10)
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"whole"}
    for key in ("", "../x", "a//b", "/a", "a/."):
        with pytest.raises(ValueError, match="not an object key"):
            await store.put(key, b"x")
