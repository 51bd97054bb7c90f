"""Objects as files: write, fsync, rename, fsync the directory."""

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from mailserver.errors import StorageUnavailable
from mailserver.objects.buffer import Content
from mailserver.objects.interface import ObjectMissing

_BLOCK = 4 << 20  # bytes written at once
_WRITERS = 4  # objects written at the same time by one process

P = ParamSpec("P")
T = TypeVar("T")


class FolderStore:
    """Every object is the file `root/key`; a file with its final name is whole and durable."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # These and the syncs between blocks keep the disk's queue short: the group commit, which
        # everybody waits for, would stand behind it.
        self._writers = asyncio.Semaphore(_WRITERS)
        self._durable: set[Path] = set()  # directories whose own names this process has synced

    async def put(self, key: str, content: Content) -> None:
        async with self._writers:
            await _in_thread(self._put, self._path(key), content)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        return await _in_thread(_get, self._path(key), start, end)

    async def delete(self, key: str) -> None:
        await _in_thread(self._path(key).unlink, missing_ok=True)

    async def check(self) -> None:
        await _in_thread(self._root.mkdir, mode=0o700, parents=True, exist_ok=True)

    async def close(self) -> None:
        """Nothing is held open."""

    def _path(self, key: str) -> Path:
        if not key or any(part in ("", ".", "..") for part in key.split("/")):
            raise ValueError(f"not an object key: {key!r}")
        return self._root / key

    def _put(self, path: Path, content: Content) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            with partial.open("xb") as file:
                view = memoryview(content)
                for start in range(0, len(view), _BLOCK):
                    if start:
                        os.fdatasync(file.fileno())
                    file.write(view[start : start + _BLOCK])
                    file.flush()
                view.release()
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)
        # The names on the way down may be new as well; each directory holds its child's name.
        directory = path.parent
        while directory != self._root and directory not in self._durable:
            _sync_directory(directory.parent)
            self._durable.add(directory)
            directory = directory.parent


def _get(path: Path, start: int, end: int | None) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read() if end is None else file.read(max(0, end - start))
    except FileNotFoundError:
        raise ObjectMissing(path.name) from None


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _in_thread(function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(function, *arguments, **options)
    except OSError as error:
        raise StorageUnavailable(f"object folder: {error}") from error
