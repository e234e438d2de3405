"""SASL2 (XEP-0388) with Bind 2 (XEP-0386): authenticating and binding is one step, which tells the content types."""

import base64
import hashlib
import re
from xml.etree.ElementTree import canonicalize

import pytest
import pytest_asyncio

from names import CONTENT_TYPES, PASSWORD, SASL2
from node_client import NodeClient
from raw import BIND, stream_header

USER_AGENT = ("d4565fa7-4d72-4749-b3d3-740edbf87770", "Peer Tests")
FORGED = (
    f"<content-types xmlns='{CONTENT_TYPES}'><accept class='forged' type='forged/forged'/></content-types>"
)
LIST = re.compile(r"<content-types .*</content-types>")
BIND_2 = f"<bind xmlns='urn:xmpp:bind:0'><tag>raw</tag>{FORGED}</bind>"

pytestmark = pytest.mark.usefixtures("vestibule")


@pytest_asyncio.fixture
async def node(door, accounts):
    """Starts a client on @xmpp/client: `await node("alice")`."""
    clients = []

    async def node(name, password=PASSWORD):
        client = await NodeClient.start(door, accounts.jid(name, SASL2), password, "node", USER_AGENT)
        clients.append(client)
        return client

    yield node
    for client in clients:
        await client.leave()


def authenticate(user, inline):
    """PLAIN by SASL2, with the same user agent each time."""
    response = base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()
    identifier, software = USER_AGENT
    return (
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>"
        f"<initial-response>{response}</initial-response>"
        f"<user-agent id='{identifier}'><software>{software}</software><device>Raw</device></user-agent>"
        f"{inline}</authenticate>"
    ).encode()


async def begin(client, jid, inline=""):
    """Opens a stream that is offered SASL2, authenticates, and gives the address that this led to."""
    user, host = jid.split("@")
    await client.send(stream_header(host))
    offered = await client.read_until(b"</stream:features>")
    assert b"<authentication xmlns='urn:xmpp:sasl:2'>" in offered and b"urn:xmpp:bind:0" in offered
    await client.send(authenticate(user, inline))
    success = (await client.read_until(b"</success>")).decode()
    return re.search("<authorization-identifier>(.*)</authorization-identifier>", success)[1]


def request_of(gatekeeper, jid):
    """The authentication of the session that a full address was bound on last, as the gatekeeper logged it."""
    (request,) = gatekeeper.received(gatekeeper.session_of(jid), "<authenticate ")
    return request


def bound(resource):
    """The resource that Prosody makes of the one asked for and of the user agent's id."""
    suffix = base64.b64encode(hashlib.sha1(USER_AGENT[0].encode()).digest()[:9]).decode()
    return f"{resource}~{suffix}"


async def test_a_client_library_logs_in_binds_and_talks(node, connect, gatekeeper):
    bob = await connect("bob", SASL2)
    alice = await node("alice")
    jid = (await alice.event())["online"]
    assert jid.partition("/")[2] == bound("node")
    await alice.message(bob.boundjid.full, "by SASL2")
    message = await bob.message()
    assert (message["from"], message["body"]) == (jid, "by SASL2")
    bob.send_message(mto=jid, mbody="and back", mtype="chat")
    assert await alice.event() == {"body": "and back", "from": bob.boundjid.full}

    request = request_of(gatekeeper, jid)
    assert request.count("<content-types") == 1 and "<software>Peer Tests</software>" in request


async def test_a_wrong_password_is_refused_by_the_gatekeeper(node):
    alice = await node("alice", password="wrong")
    assert await alice.event() == {"refused": "not-authorized"}


async def test_the_gatekeeper_gets_them_inside_of_bind_2_once(raw, accounts, gatekeeper):
    client, jid = await raw(), accounts.jid("alice", SASL2)
    full = await begin(client, jid, BIND_2)
    assert full == f"{jid}/{bound('raw')}"
    request = request_of(gatekeeper, full)
    bind = re.search(r"<bind xmlns='urn:xmpp:bind:0'>(.*)</bind>", request)[1]
    assert request.count("<content-types") == bind.count("<content-types") == 1
    assert "forged" not in request and "type='image/jpeg'" in bind


async def test_an_empty_bind_request_is_opened_for_them(raw, accounts, gatekeeper):
    client, jid = await raw(), accounts.jid("alice", SASL2)
    request = request_of(gatekeeper, await begin(client, jid, FORGED + "<bind xmlns='urn:xmpp:bind:0'/>"))
    assert "<bind xmlns='urn:xmpp:bind:0'><content-types " in request
    assert request.count("<content-types") == 1 and "forged" not in request


async def test_nothing_else_of_the_request_is_touched(raw, accounts, gatekeeper):
    """The gatekeeper reads the same as from a client that is not behind Vestibule."""
    jid = accounts.jid("alice", SASL2)
    direct, proxied = [
        request_of(gatekeeper, await begin(await raw(at=door), jid, BIND_2)) for door in [gatekeeper.door, None]
    ]
    assert direct != proxied
    assert canonicalize(LIST.sub("", direct)) == canonicalize(LIST.sub("", proxied))


async def test_a_client_that_binds_afterwards_says_it_there(raw, accounts, gatekeeper):
    client, jid = await raw(), accounts.jid("alice", SASL2)
    assert await begin(client, jid) == jid
    await client.read_until(b"</stream:features>")
    await client.send(BIND)
    assert f"{jid}/raw".encode() in await client.read_until(b"</iq>")
    session = gatekeeper.session_of(f"{jid}/raw")
    assert [request.count("<content-types") for request in gatekeeper.received(session, "<iq")] == [1]
    assert gatekeeper.received(session, "<authenticate ")[0].count("<content-types") == 0


async def test_messages_flow_right_after(raw, connect, accounts):
    """The client sends with the authentication what it wants to say next, and waits for nothing."""
    bob = await connect("bob", SASL2)
    client, jid = await raw(), accounts.jid("alice", SASL2)
    await begin(client, jid, BIND_2)
    bodies = [f"number {number}" for number in range(20)]
    await client.send(
        "".join(
            f"<message type='chat' to='{bob.boundjid}'><body>{body}</body></message>" for body in bodies
        ).encode()
    )
    assert [(await bob.message())["body"] for _ in bodies] == bodies
