"""Stream management (XEP-0198): a session outlives its connection, and nothing is lost or doubled.

The counters of both ends stay true only if Vestibule passes stanzas one for one and closes the gatekeeper's side
without a closing tag when the client is lost.
"""

import asyncio

from names import DEADLINE
from resumption import connect_resumable, lose, resume


async def bodies(client, count):
    return [(await client.message())["body"] for _ in range(count)]


async def nothing_more(client):
    """What the server sent before it answered the ping has arrived: there is no other message."""
    await client.round_trip()
    return client.messages.empty()


async def test_the_gatekeeper_acknowledges_what_it_got(connect):
    alice, bob = await connect_resumable(connect, "alice"), await connect("bob")
    acknowledged = asyncio.Queue()
    alice.add_event_handler("stanza_acked", acknowledged.put_nowait)
    alice.send_message(mto=bob.boundjid, mbody="acknowledge me", mtype="chat")
    await alice.round_trip()
    alice.plugin["xep_0198"].request_ack()
    async with asyncio.timeout(DEADLINE):
        while (await acknowledged.get()).get("body") != "acknowledge me":
            pass


async def test_what_came_while_the_client_was_away_arrives_once_and_in_order(connect):
    alice, bob = await connect_resumable(connect, "alice"), await connect("bob")
    full = alice.boundjid.full
    await lose(alice)
    sent = [f"while away {number}" for number in range(20)]
    for body in sent:
        bob.send_message(mto=full, mbody=body, mtype="chat")
    await bob.round_trip()
    await resume(alice)
    assert alice.boundjid.full == full
    assert await bodies(alice, len(sent)) == sent
    assert await nothing_more(alice)


async def test_what_the_client_sent_around_the_cut_arrives_once_and_in_order(connect):
    alice, bob = await connect_resumable(connect, "alice"), await connect("bob")
    sent = [f"around the cut {number}" for number in range(60)]
    for round_of in (sent[:20], sent[20:40]):
        for body in round_of:
            alice.send_message(mto=bob.boundjid, mbody=body, mtype="chat")
        # The cut falls somewhere in the round: what was written may or may not have reached the gatekeeper.
        await asyncio.sleep(0)
        await lose(alice)
        await resume(alice)
    for body in sent[40:]:
        alice.send_message(mto=bob.boundjid, mbody=body, mtype="chat")
    assert await bodies(bob, len(sent)) == sent
    await alice.round_trip()
    assert await nothing_more(bob)


async def test_a_session_survives_many_cuts(connect):
    alice, bob = await connect_resumable(connect, "alice"), await connect("bob")
    full = alice.boundjid.full
    for number in range(10):
        await lose(alice)
        bob.send_message(mto=full, mbody=f"to {number}", mtype="chat")
        await resume(alice)
        alice.send_message(mto=bob.boundjid, mbody=f"from {number}", mtype="chat")
        assert (await alice.message())["body"] == f"to {number}"
        assert (await bob.message())["body"] == f"from {number}"
    assert alice.boundjid.full == full


async def test_a_session_that_was_closed_cannot_be_resumed(connect):
    """A closing tag is a decision; it reaches the gatekeeper, which then forgets the session."""
    alice = await connect_resumable(connect, "alice")
    management = alice.plugin["xep_0198"]
    await alice.disconnect()
    fresh = asyncio.ensure_future(alice.wait_until("session_start", DEADLINE))
    refused = asyncio.ensure_future(alice.wait_until("sm_failed", DEADLINE))
    await asyncio.sleep(0)
    assert management.sm_id
    alice.dial()
    await refused
    await fresh


async def test_a_session_survives_the_end_of_a_proxy(connect, start_vestibule):
    """What a proxy that is stopped leaves open can be resumed through another one: it holds no state of its own."""
    old, new = start_vestibule(), start_vestibule()
    alice, bob = await connect_resumable(connect, "alice", at=old.door), await connect("bob")
    full = alice.boundjid.full
    lost = asyncio.ensure_future(alice.wait_until("disconnected", DEADLINE))
    assert await asyncio.to_thread(old.stop) == 0
    await lost
    bob.send_message(mto=full, mbody="while the proxy was replaced", mtype="chat")
    alice.door = new.door
    await resume(alice)
    assert await bodies(alice, 1) == ["while the proxy was replaced"]
    assert await nothing_more(alice)
