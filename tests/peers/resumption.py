"""Clients whose sessions outlive their connections (XEP-0198)."""

import asyncio

from names import DEADLINE

PLUGINS = ["xep_0198"]


async def connect_resumable(connect, name, **options):
    client = await connect(name, plugins=PLUGINS, appear=False, **options)
    if not client.plugin["xep_0198"].sm_id:
        await client.wait_until("sm_enabled", DEADLINE)
    await client.appear()
    return client


async def resume(client):
    """Connects again and continues the old session; an error if the gatekeeper gives a new one."""
    resumed = asyncio.ensure_future(client.wait_until("session_resumed", DEADLINE))
    client.dial()
    await resumed


async def lose(client):
    lost = asyncio.ensure_future(client.wait_until("disconnected", DEADLINE))
    await asyncio.sleep(0)
    client.cut()
    await lost
