"""Peers that vanish without a word: the session ends, and the other side may resume it."""

import asyncio
import socket
import ssl

import pytest
import pytest_asyncio

from cable import Cable
from names import INTEROP, SCRIPTED
from process import eventually
from raw import Connection, RawGatekeeper
from scripted import authenticate, bind, greet


@pytest.fixture
def cable():
    cable = Cable()
    yield cable
    cable.remove()


@pytest_asyncio.fixture
async def listen_on(authority):
    """Starts a gatekeeper that the test plays itself: `await listen_on(socket)`."""
    gatekeepers = []

    async def listen_on(listener):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(SCRIPTED).configure_cert(context)
        gatekeepers.append(await RawGatekeeper.listen_on(listener, context))
        return gatekeepers[-1]

    yield listen_on
    for gatekeeper in gatekeepers:
        gatekeeper.close()


BUSY = pytest.mark.parametrize("busy", [False, True], ids=["silent", "with bytes for it"])


def ended(vestibule, reason):
    return vestibule.metric(f'vestibule_sessions_ended_total{{host="{SCRIPTED}",reason="{reason}"}}')


@BUSY
async def test_a_client_that_vanishes_is_noticed_and_its_session_stays_resumable(proxy, listen_on, cable, busy):
    gatekeeper = await listen_on(socket.create_server(("127.0.0.1", 0)))
    vestibule = proxy(f'endpoints: ["127.0.0.1:{gatekeeper.port}"]', address=cable.here, more="peer_timeout: 2s")
    tls = ssl.create_default_context(cafile=vestibule.door.authority)
    client = Connection(*await asyncio.open_connection(
        sock=cable.connect(vestibule.port), ssl=tls, server_hostname=INTEROP
    ))
    session = await greet(client, gatekeeper)
    await authenticate(client, session)
    await bind(client, session)
    cable.cut()
    if busy:
        await session.send(b"<message id='lost'/>")
    # No closing tag: the gatekeeper keeps the session for the client to resume.
    assert await session.read_all() == b""
    await eventually(lambda: ended(vestibule, "client-lost") == 1)
    client.cut()


@BUSY
async def test_a_gatekeeper_that_vanishes_is_noticed_and_its_client_may_resume(proxy, listen_on, cable, busy):
    gatekeeper = await listen_on(cable.listen())
    vestibule = proxy(f'endpoints: ["{cable.there}:{gatekeeper.port}"]', more="peer_timeout: 2s")
    client = await vestibule.open()
    session = await greet(client, gatekeeper)
    await authenticate(client, session)
    await bind(client, session)
    cable.cut()
    if busy:
        await client.send(b"<message id='lost'/>")
    # No closing tag: the client would take that for the end of its session.
    assert await client.read_all() == b""
    await eventually(lambda: ended(vestibule, "gatekeeper-lost") == 1)
    session.cut()
