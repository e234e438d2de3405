"""What operators see and do: probes, metrics, the access log, and an orderly end."""

import asyncio
import json
import signal
import socket
import ssl

import pytest

from client import befriend
from names import PASSWORD
from process import eventually
from raw import log_in, stream_header

pytestmark = pytest.mark.usefixtures("vestibule")

SESSIONS = "vestibule_sessions_open"


async def test_it_is_live_and_ready(vestibule):
    assert vestibule.get("/live")[0] == 200
    assert vestibule.get("/ready")[0] == 200


async def test_the_metrics_count_the_sessions_that_are_there(connect, start_vestibule):
    proxy = start_vestibule()
    clients = [await connect(name, at=proxy.door) for name in ["alice", "bob", "carol"]]
    await eventually(lambda: proxy.metric(SESSIONS) == 3)
    for client in clients:
        await client.disconnect()
    await eventually(lambda: proxy.metric(SESSIONS) == 0)


async def test_connections_that_come_to_nothing_leave_nothing_behind(raw, start_vestibule):
    proxy = start_vestibule()
    silent = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(20)]
    shaken = [await raw(at=proxy.door) for _ in range(20)]
    asked = [await raw(at=proxy.door) for _ in range(20)]
    for client in asked:
        await client.send(stream_header())
        await client.read_until(b"</stream:features>")
    await eventually(lambda: proxy.metric("vestibule_connections_open") == 60)
    for connection in silent:
        connection.close()
    for client in shaken + asked:
        client.cut()
    await eventually(lambda: proxy.metric("vestibule_connections_open") == 0)
    assert proxy.metric(SESSIONS) == 0
    assert proxy.metric("vestibule_buffered_bytes") == 0


# In everything that a peer of the next test controls.
CANARY = "canary9f3c"


async def converse(connect, proxy):
    """What goes well: two contacts, presence, a message; and a password that is wrong."""
    alice, bob = [await connect(CANARY + name, at=proxy.door, resource=CANARY) for name in "ab"]
    await befriend(alice, bob)
    alice.send_message(mto=bob.boundjid, mbody=CANARY, msubject=CANARY, mtype="chat")
    await bob.message()
    with pytest.raises(PermissionError):
        await connect(CANARY + "a", at=proxy.door, password=CANARY)
    for client in [alice, bob]:
        await client.disconnect()


async def be_refused(raw, accounts, proxy):
    """What goes wrong: in TCP, in TLS, in the stream header, in the middle of a session."""
    with socket.create_connection(("127.0.0.1", proxy.port)) as not_tls:
        not_tls.sendall(CANARY.encode())
    with pytest.raises(ssl.SSLError):
        await raw(at=proxy.door, server_name=f"{CANARY}.example")
    marked = CANARY.encode()
    for opening in [marked, stream_header(to=f"{CANARY}.example"), stream_header() + b"<%b/>" % marked]:
        client = await raw(at=proxy.door)
        await client.send(opening)
        assert b"<stream:error" in await client.read_all()
    stanzas = [
        b"<%b/>",
        b"<message><%b:a/></message>",
        b"<message id='%b'><!-- --></message>",
        b"<message id='%b'\xff",
    ]
    for stanza in stanzas:
        client = await raw(at=proxy.door)
        await log_in(client, accounts.jid("alice"), PASSWORD)
        await client.send(stanza % marked)
        assert b"<stream:error" in await client.read_all()


async def test_nothing_a_peer_said_leaves_the_process(connect, raw, accounts, start_vestibule):
    proxy = start_vestibule(log_level="trace")
    await converse(connect, proxy)
    await be_refused(raw, accounts, proxy)
    await eventually(lambda: proxy.metric(SESSIONS) == 0)
    metrics = proxy.get("/metrics")[1]
    assert proxy.stop() == 0
    said = proxy.said()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {"session", "refusal"} == {line["event"] for line in lines}, (
        "nothing was written: this would prove nothing"
    )
    assert CANARY not in (said + metrics).lower()


async def test_sigterm_ends_the_sessions_with_system_shutdown(raw, accounts, start_vestibule):
    proxy = start_vestibule()
    client = await raw(at=proxy.door)
    await log_in(client, accounts.jid("alice"), PASSWORD)
    stopping = asyncio.create_task(asyncio.to_thread(proxy.stop))
    farewell = await client.read_all()
    assert b"<system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" in farewell
    assert farewell.endswith(b"</stream:stream>")
    assert await stopping == 0


async def test_a_second_signal_ends_the_process_without_waiting_for_its_sessions(raw, start_vestibule):
    proxy = start_vestibule()
    # It never closes its side, so that the session waits for it as long as it may.
    client = await raw(at=proxy.door)
    await client.send(stream_header())
    await client.read_until(b"</stream:features>")
    # Two kinds of signals: the second one is there when the first is, however busy the machine.
    proxy.signal(signal.SIGINT)
    assert proxy.stop() == 1
    said = proxy.said()
    assert "INFO vestibule: draining sessions=1 delay_seconds=0 spread_seconds=" in said
    assert "WARN vestibule: stopped without waiting for the sessions sessions=1\n" in said


async def test_a_proxy_that_ended_takes_no_connections(raw, start_vestibule):
    proxy = start_vestibule()
    assert proxy.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        await raw(at=proxy.door)
