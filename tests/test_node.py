"""What holds a process together."""

import asyncio

import pytest

from mailserver.node import Node


async def test_process_ends_with_the_work_no_door_can_do_without(node: Node) -> None:
    async def broken() -> None:
        raise RuntimeError("the group commit is gone")

    supervising = asyncio.create_task(node.supervise())
    await asyncio.sleep(0.05)
    assert not supervising.done()
    node.running.append(asyncio.create_task(broken()))
    with pytest.raises(RuntimeError, match="group commit"):
        await asyncio.wait_for(node.supervise(), 5)
    supervising.cancel()
