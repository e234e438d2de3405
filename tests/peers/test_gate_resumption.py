"""What was refused does not come back by stream management (XEP-0198): neither side can replay it.

A client whose stanza is refused loses its session: the gatekeeper's stream is closed with its tag, so that there is
nothing to resume. A gatekeeper may hold a refused stanza and send it again after each resumption: it is refused again.
"""

import asyncio
import re

import pytest

from hostile import HEADER, ONE_OF_EACH_KIND
from names import DEADLINE, PASSWORD
from process import eventually
from raw import BIND, log_in, plain, stream_header
from scripted import BINDING, CLOSING, SERVER_HEADER, authenticate, bind, exchange, greet, stream_error

pytestmark = pytest.mark.usefixtures("vestibule")

ENABLE = b"<enable xmlns='urn:xmpp:sm:3' resume='true'/>"


def message(to, body):
    return f"<message type='chat' to='{to}'><body>{body}</body></message>".encode()


async def resume(client, jid, session):
    """Authenticates and asks for an old session: the gatekeeper's answer."""
    user, host = jid.split("@")
    await client.send(stream_header(host) + plain(user, PASSWORD))
    await client.read_until(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    await client.send(stream_header(host) + b"<resume xmlns='urn:xmpp:sm:3' h='0' previd='%b'/>" % session)
    await client.read_until(b"</stream:features>")
    answer = await client.read_until(b">")
    return answer if answer.endswith(b"/>") else answer + await client.read_until(b"</failed>")


# How a session with a stanza half sent or refused ends, and what comes of its resumption.
COURSES = {
    "refused": (b"<!-- --></body></message>", b"<failed "),
    "lost": (b"", b"<resumed "),
}


@pytest.mark.parametrize("rest, answer", COURSES.values(), ids=COURSES.keys())
async def test_a_session_is_lost_with_a_refused_stanza_and_only_then(raw, connect, accounts, rest, answer):
    bob, alice = await connect("bob"), accounts.jid("alice")
    client = await raw()
    await log_in(client, alice, PASSWORD)
    await client.send(ENABLE)
    session = re.search(rb" id='([^']+)'", await client.read_until(b"/>"))[1]
    await client.send(message(bob.boundjid, "before") + message(bob.boundjid, "hostile").split(b"</")[0] + rest)
    assert (await bob.message())["body"] == "before"
    if rest:
        assert b"<restricted-xml " in await client.read_all()
    client.cut()
    again = await raw()
    assert (await resume(again, alice, session)).startswith(answer)
    if rest:
        await again.send(BIND)
        await again.read_until(b"</iq>")
    await again.send(message(bob.boundjid, "afterwards"))
    assert (await bob.message())["body"] == "afterwards"


# What a client library sends as it is told to.
BODIES = {"too long": "a" * 300_000, "control character": "\x01", "U+FFFE": "\ufffe"}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_a_client_library_does_not_replay_what_was_refused(connect, start_vestibule, body):
    """It keeps what is not acknowledged, and would send it again and again if it could resume the session."""
    proxy = start_vestibule()
    alice, bob = await connect("alice", at=proxy.door, plugins=["xep_0198"]), await connect("bob")
    management = alice.plugin["xep_0198"]
    await eventually(lambda: management.sm_id)
    lost = asyncio.ensure_future(alice.wait_until("disconnected", DEADLINE))
    for text in ["before", body]:
        alice.send_message(mto=bob.boundjid, mbody=text, mtype="chat")
    await lost
    assert body in [stanza["body"] for _, stanza in management.unacked_queue]
    fresh = asyncio.ensure_future(alice.wait_until("session_start", DEADLINE))
    refused = asyncio.ensure_future(alice.wait_until("sm_failed", DEADLINE))
    await asyncio.sleep(0)
    assert management.sm_id
    alice.dial()
    await refused
    await fresh
    alice.send_message(mto=bob.boundjid, mbody="afterwards", mtype="chat")
    assert [(await bob.message())["body"] for _ in range(2)] == ["before", "afterwards"]
    assert sum(proxy.refusals().values()) == 1


ENABLED = b"<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>"
RESUME = b"<resume xmlns='urn:xmpp:sm:3' h='1' previd='s1'/>"
RESUMED = b"<resumed xmlns='urn:xmpp:sm:3' h='0' previd='s1'/>"
GOOD = b"<message id='good'/>"


@pytest.mark.parametrize("hostile", ONE_OF_EACH_KIND, ids=[row.kind for row in ONE_OF_EACH_KIND])
async def test_a_gatekeeper_cannot_get_a_refused_stanza_through_by_resumption(raw, scripted, hostile):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    await authenticate(client, gatekeeper)
    await bind(client, gatekeeper)
    await exchange(client, gatekeeper, ENABLE)
    await exchange(gatekeeper, client, ENABLED)
    await gatekeeper.send(GOOD + hostile.sent)
    assert await client.read_all() == GOOD + CLOSING
    assert await gatekeeper.read_all() == stream_error(hostile.kind)
    for _ in range(2):
        client = await raw()
        gatekeeper = await greet(client, scripted)
        await authenticate(client, gatekeeper)
        await exchange(client, gatekeeper, HEADER)
        await exchange(gatekeeper, client, SERVER_HEADER + BINDING)
        await exchange(client, gatekeeper, RESUME)
        await gatekeeper.send(RESUMED + hostile.sent + GOOD)
        assert await client.read_all() == RESUMED + CLOSING
        assert await gatekeeper.read_all() == stream_error(hostile.kind)
