"""Hostile sessions leave nothing behind: no session, no descriptor, no memory, no panic."""

import asyncio

import pytest

from hostile import HEADER
from process import eventually
from raw import BIND, RawClient, plain
from scripted import BINDING, BOUND, CLOSING, MECHANISMS, SERVER_HEADER, SUCCESS

LOGIN = plain("alice", "secret")

# Most of a stanza: were it kept when its session ends, each session would leave as much.
PARTLY = b"<message><body>" + b"x" * 200_000
REFUSED = PARTLY + b"\x01"

# How the sessions end: who sends what, and whether it is refused or the connection is lost in the middle.
ENDINGS = [("client", REFUSED), ("client", PARTLY), ("gatekeeper", REFUSED), ("gatekeeper", PARTLY)]

AT_ONCE = 20
ROUNDS = 5
SESSIONS = len(ENDINGS) * AT_ONCE * ROUNDS

# What the process may grow by while they are served: a twentieth of what they would leave, some MiB.
MOST_GROWTH = SESSIONS * len(PARTLY) // 20

DESCRIPTORS = "process_open_fds"
MEMORY = "process_resident_memory_bytes"
RECEIVED = "vestibule_received_bytes_total"


@pytest.fixture
def vestibule(start_vestibule):
    """A process of its own, whose memory shows these sessions only."""
    return start_vestibule()


async def play_client(proxy, data):
    client = await RawClient.open(proxy.door)
    for request, answer in [(HEADER, MECHANISMS), (LOGIN, SUCCESS), (HEADER, BINDING), (BIND, BOUND)]:
        await client.send(request)
        await client.read_until(answer)
    await end(client, data)


async def play_gatekeeper(scripted, data):
    gatekeeper = await scripted.accept()
    for request, answer in [
        (HEADER, SERVER_HEADER + MECHANISMS),
        (LOGIN, SUCCESS),
        (HEADER, SERVER_HEADER + BINDING),
        (BIND, BOUND),
    ]:
        await gatekeeper.read_until(request)
        await gatekeeper.send(answer)
    await end(gatekeeper, data)


async def end(connection, data):
    """Sends the last of a session, and waits until it is over."""
    await connection.send(data)
    if data == PARTLY:
        connection.leave()
    received = await connection.read_all()
    if data == REFUSED:
        assert received.endswith(b"</stream:error>" + CLOSING)


async def serve(proxy, scripted):
    """SESSIONS sessions of all endings, some of them at once."""
    for _ in range(ROUNDS):
        for who, data in ENDINGS:
            await asyncio.gather(
                *(play_client(proxy, data if who == "client" else b"") for _ in range(AT_ONCE)),
                *(play_gatekeeper(scripted, data if who == "gatekeeper" else b"") for _ in range(AT_ONCE)),
            )
    await eventually(lambda: proxy.metric("vestibule_connections_open") == 0)


async def test_nothing_is_left_of_hundreds_of_hostile_sessions(vestibule, scripted):
    # What is set up once is there after the first time.
    await serve(vestibule, scripted)
    before = {name: vestibule.metric(name) for name in [DESCRIPTORS, MEMORY, RECEIVED]}
    await serve(vestibule, scripted)
    assert vestibule.metric(RECEIVED) - before[RECEIVED] > SESSIONS * len(PARTLY)
    assert vestibule.metric("vestibule_sessions_open") == 0
    assert vestibule.metric("vestibule_buffered_bytes") == 0
    assert vestibule.metric(DESCRIPTORS) == before[DESCRIPTORS]
    assert vestibule.metric(MEMORY) - before[MEMORY] < MOST_GROWTH
    assert vestibule.stop() == 0
    assert "panicked" not in vestibule.said()
