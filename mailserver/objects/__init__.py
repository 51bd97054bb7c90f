"""Large message bytes as objects: one interface, a folder or an S3 bucket behind it."""

from pathlib import Path

from mailserver.objects.buffer import Content, MessageBuffer
from mailserver.objects.folder import FolderStore
from mailserver.objects.interface import ObjectMissing, ObjectStore
from mailserver.objects.scratch import Scratch
from mailserver.settings import Settings

__all__ = ["Content", "MessageBuffer", "ObjectMissing", "ObjectStore", "Scratch", "open_store"]


def open_store(settings: Settings) -> ObjectStore:
    """The store that `[objects]` names; nothing is contacted before the first use."""
    objects = settings.objects
    if objects.backend == "s3":
        # Here, since aioboto3 takes 20 MB and half a second that a folder does not need.
        from mailserver.objects.s3 import S3Store

        return S3Store(objects)
    return FolderStore(Path(objects.folder) if objects.folder else settings.data / "objects")
