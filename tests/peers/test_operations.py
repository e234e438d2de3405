"""What operators see and do: probes, metrics, the access log, and an orderly end."""

import asyncio

import pytest

from client import befriend
from names import DEADLINE, GATEKEEPER, PASSWORD
from raw import log_in

pytestmark = pytest.mark.usefixtures("vestibule")

SESSIONS = "vestibule_sessions_open"


async def eventually(holds):
    """Waits until `holds()` is true."""
    async with asyncio.timeout(DEADLINE):
        while not holds():
            await asyncio.sleep(0.02)


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


async def test_nothing_a_peer_said_is_in_the_logs_or_the_metrics(connect, start_vestibule):
    proxy = start_vestibule()
    alice, bob = [await connect(name, at=proxy.door, resource=f"{name}-device") for name in ["marka", "markb"]]
    await befriend(alice, bob)
    alice.send_message(mto=bob.boundjid, mbody="marker-body", mtype="chat", msubject="marker-subject")
    await bob.message()
    users = [alice.boundjid.user, bob.boundjid.user]
    for client in [alice, bob]:
        await client.disconnect()
    await eventually(lambda: proxy.metric(SESSIONS) == 0)
    metrics = proxy.get("/metrics")[1]
    assert proxy.stop() == 0
    let_out = proxy.said() + metrics
    assert GATEKEEPER in let_out, "the log and the metrics are empty: this test would prove nothing"
    for marker in [*users, "-device", "marker-body", "marker-subject", PASSWORD]:
        assert marker not in let_out


async def test_sigterm_ends_the_sessions_with_system_shutdown(raw, accounts, start_vestibule):
    proxy = start_vestibule()
    client = await raw(at=proxy.door)
    await log_in(client, accounts.jid("alice"), PASSWORD)
    stopping = asyncio.create_task(asyncio.to_thread(proxy.stop))
    farewell = await client.read_all()
    assert b"<system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" in farewell
    assert farewell.endswith(b"</stream:stream>")
    assert await stopping == 0


async def test_a_proxy_that_ended_takes_no_connections(raw, start_vestibule):
    proxy = start_vestibule()
    assert proxy.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        await raw(at=proxy.door)
