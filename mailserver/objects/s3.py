"""Objects in an S3 bucket: the one door to aioboto3.

One long-lived client per process, opened at first use.
"""

import asyncio
import io
import mmap
import os
from collections.abc import AsyncIterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from typing import TYPE_CHECKING, Any

import aioboto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mailserver.errors import StorageUnavailable
from mailserver.objects.buffer import Content
from mailserver.objects.interface import ObjectMissing
from mailserver.settings import Objects

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

_CONNECTIONS = 50  # at the same time, per process
_MISSING = {"NoSuchKey", "404", "NotFound"}


class _Reader(io.RawIOBase):
    """A file over mapped bytes: boto reads a mapping only through a file's interface."""

    def __init__(self, content: mmap.mmap) -> None:
        self._view = memoryview(content)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: len(self._view)}
        self._position = base[whence] + offset
        return self._position

    def readinto(self, buffer: "Buffer") -> int:
        target = memoryview(buffer)
        chunk = self._view[self._position : self._position + len(target)]
        target[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def close(self) -> None:
        self._view.release()
        super().close()


def _body(content: Content) -> AbstractContextManager[Any]:
    """What boto sends; it must be closed before the mapping is."""
    if isinstance(content, bytes):
        return nullcontext(content)
    return io.BufferedReader(_Reader(content))


class S3Store:
    """Every object is `prefix/key` in one bucket."""

    def __init__(self, settings: Objects) -> None:
        self._settings = settings
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._client: Any = None  # aiobotocore builds its clients at run time: no static type

    async def put(self, key: str, content: Content) -> None:
        async with self._asking(key) as client:
            with _body(content) as body:
                await client.put_object(Bucket=self._settings.bucket, Key=self._key(key), Body=body)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        if end is not None and end <= start:
            return b""
        last = "" if end is None else str(end - 1)
        async with self._asking(key) as client:
            answer = await client.get_object(
                Bucket=self._settings.bucket, Key=self._key(key), Range=f"bytes={start}-{last}"
            )
            async with answer["Body"] as body:
                return bytes(await body.read())

    async def delete(self, key: str) -> None:
        async with self._asking(key) as client:
            await client.delete_object(Bucket=self._settings.bucket, Key=self._key(key))

    async def check(self) -> None:
        async with self._asking(self._settings.bucket) as client:
            await client.head_bucket(Bucket=self._settings.bucket)

    async def close(self) -> None:
        await self._stack.aclose()
        self._client = None

    def _key(self, key: str) -> str:
        prefix = self._settings.prefix.strip("/")
        return f"{prefix}/{key}" if prefix else key

    @asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[Any]:
        """The client, under the deadline; S3's failures become ours."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                yield await self._open()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _MISSING:
                raise ObjectMissing(what) from None
            raise StorageUnavailable(f"S3: {code}: {what}") from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise StorageUnavailable(f"S3: {type(error).__name__}: {what}") from error

    async def _open(self) -> Any:
        async with self._opening:
            if self._client is None:
                settings = self._settings
                self._client = await self._stack.enter_async_context(
                    aioboto3.Session().client(
                        "s3",
                        endpoint_url=settings.endpoint or None,
                        region_name=settings.region,
                        aws_access_key_id=settings.access_key or None,
                        aws_secret_access_key=settings.secret_key or None,
                        config=Config(
                            max_pool_connections=_CONNECTIONS,
                            connect_timeout=settings.timeout,
                            read_timeout=settings.timeout,
                            retries={"mode": "standard", "max_attempts": 3},
                        ),
                    )
                )
        return self._client
