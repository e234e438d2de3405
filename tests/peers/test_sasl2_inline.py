"""SASL2 with inline resumption and FAST (XEP-0388, XEP-0198, XEP-0484) through Vestibule, before the sandbox's gatekeeper:
a client comes back in one round trip."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import re

import pytest
import pytest_asyncio

from client import Client
from enlistment import enlist
from names import GATEKEEPER, PASSWORD
from node_client import NodeClient
from process import eventually
from raw import RawClient, stream_header
from sandbox import BOB, OPERATOR, Sandbox

USERS = {f"ann{number}@provider.example": PASSWORD for number in range(16)}
USER_AGENT = ("d4565fa7-4d72-4749-b3d3-740edbf87770", "Provider App 2.11")
HT = "HT-SHA-256-NONE"
ENABLE = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"
REQUEST_TOKEN = f"<request-token xmlns='urn:xmpp:fast:0' mechanism='{HT}'/>"

_numbers = itertools.count()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory, authority):
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), authority, USERS)
    yield sandbox
    assert sandbox.stop() == {"provider": 0, "gatekeeper": 0, "vestibule": 0}


@pytest.fixture
def user():
    """Another user of the provider for each test."""
    return f"ann{next(_numbers)}@provider.example"


@pytest_asyncio.fixture
async def node(sandbox):
    """Starts a client on @xmpp/client: `await node(jid, token)`."""
    clients = []

    async def node(jid, secret, **fast):
        client = await NodeClient.start(sandbox.door, jid, secret, "app-2.11", USER_AGENT, **fast)
        clients.append(client)
        return client

    yield node
    for client in clients:
        await client.leave()


@pytest_asyncio.fixture
async def bob(sandbox):
    jid = f"{BOB}@{GATEKEEPER}/desk-{next(_numbers)}"
    client = Client(sandbox.gatekeeper_door, jid, PASSWORD, sasl_mech="SCRAM-SHA-256")
    await client.login()
    await client.appear()
    yield client
    await client.leave()


@pytest_asyncio.fixture
async def raw(sandbox):
    connections = []

    async def raw():
        connections.append(await RawClient.open(sandbox.door))
        return connections[-1]

    yield raw
    for connection in connections:
        connection.cut()


def sessions_of(sandbox, jid):
    """What the gatekeeper knows of an account's sessions, the oldest first."""
    account = jid.partition("@")[0]
    return [session for session in sandbox.sessions() if session["account"] == account]


def classes(session):
    """The classes of content that the gatekeeper was told of, list by list."""
    return [{accept["class"] for accept in told["accepts"]} for told in session["content_types"]]


def authenticate(mechanism, message, more):
    identifier, software = USER_AGENT
    return (
        f"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>"
        f"<initial-response>{base64.b64encode(message).decode()}</initial-response>"
        f"<user-agent id='{identifier}'><software>{software}</software></user-agent>{more}</authenticate>"
    ).encode()


def bearer(token, more):
    return authenticate("OAUTHBEARER", f"n,,\1auth=Bearer {token}\1\1".encode(), more)


def returning(jid, token, more="", attributes=""):
    """The request of a client that has a token of FAST."""
    proof = hmac.digest(token.encode(), b"Initiator", hashlib.sha256)
    message = jid.partition("@")[0].encode() + b"\0" + proof
    return authenticate(HT, message, f"<fast xmlns='urn:xmpp:fast:0'{attributes}/>{more}")


def bind(content=ENABLE):
    return f"<bind xmlns='urn:xmpp:bind:0'><tag>app-2.11</tag>{content}</bind>"


def resume(identifier, handled=0):
    return f"<resume xmlns='urn:xmpp:sm:3' previd='{identifier}' h='{handled}'/>"


def found(pattern, text):
    return re.search(pattern, text)[1]


async def log_in(client, request):
    """Opens a stream and authenticates, both at once: the features are not waited for."""
    await client.send(stream_header() + request)
    said = (await client.read_until(b"</success>")).decode()
    assert "<stream:features" in said
    # The features of the stream that goes on.
    await client.read_until(b"</stream:features>")
    return said


async def test_xmpp_js_resumes_its_session_after_a_cut(sandbox, user, node, bob):
    jid, secret = enlist(sandbox, user)
    ann = await node(jid, secret)
    full = await ann.told("online")
    bob.send_message(mto=full, mbody="before", mtype="chat")
    assert await ann.told("body") == "before"
    await ann.cut()
    bob.send_message(mto=full, mbody="in the tunnel", mtype="chat")
    events = [await ann.event(), await ann.event()]
    assert {"resumed": full} in events
    assert {"body": "in the tunnel", "from": str(bob.boundjid)} in events
    await ann.message(str(bob.boundjid), "back again")
    heard = await bob.message(lambda message: message["body"] == "back again")
    assert str(heard["from"]) == full
    first, second = sessions_of(sandbox, jid)
    assert first["full_jid"] == second["full_jid"] == full and first["ended"]


async def test_what_was_resumed_inline_is_resumed_through_the_next_vestibule(sandbox, user, node, bob):
    """A Vestibule that ends closes no stream that can be resumed, and keeps nothing that the next one needs."""
    jid, secret = enlist(sandbox, user)
    ann = await node(jid, secret)
    full = await ann.told("online")
    await ann.cut()
    assert await ann.told("resumed") == full
    assert await asyncio.to_thread(sandbox.servers["vestibule"].terminate) == 0
    bob.send_message(mto=full, mbody="in between", mtype="chat")
    await asyncio.to_thread(sandbox.start, "vestibule")
    events = [await ann.event(), await ann.event()]
    assert {"resumed": full} in events
    assert {"body": "in between", "from": str(bob.boundjid)} in events


async def test_xmpp_js_comes_back_with_a_token_of_fast_and_its_content_types(sandbox, user, node, bob):
    jid, secret = enlist(sandbox, user)
    first = await node(jid, secret, token=None)
    token = await first.told("token")
    await first.leave()
    # The provider's token is not shown again.
    again = await node(jid, "", token=token)
    full = await again.told("online")
    assert full.startswith(f"{jid}/app-2.11/")
    bob.send_message(mto=full, mbody="welcome back", mtype="chat")
    assert await again.told("body") == "welcome back"
    sessions = sessions_of(sandbox, jid)
    assert [session["mechanism"] for session in sessions] == ["PLAIN", HT]
    # Each time with the profile of the software that the user agent names.
    assert classes(sessions[0]) == classes(sessions[1]) and "video" in classes(sessions[1])[0]


async def test_xmpp_js_resumes_by_fast(sandbox, user, node, bob):
    """The token that it was given stands in for the provider's when the connection is lost."""
    jid, secret = enlist(sandbox, user)
    ann = await node(jid, secret)
    full = await ann.told("online")
    await ann.cut()
    assert await ann.told("resumed") == full
    await eventually(lambda: sessions_of(sandbox, jid)[-1]["mechanism"] == HT)


async def test_xmpp_js_falls_back_where_its_token_is_refused(sandbox, user, node):
    jid, secret = enlist(sandbox, user)
    stale = {"mechanism": HT, "token": "never given", "expiry": "2099-01-01T00:00:00Z"}
    ann = await node(jid, secret, token=stale)
    fresh = await ann.told("token")
    assert fresh["token"] != stale["token"]
    assert sessions_of(sandbox, jid)[-1]["mechanism"] == "PLAIN"


async def test_all_of_it_is_one_round_trip(sandbox, user, raw, bob):
    """The client sends its header and everything that it wants, and waits once."""
    jid, secret = enlist(sandbox, user)
    client = await raw()
    said = await log_in(client, bearer(secret, bind() + REQUEST_TOKEN))
    full = found("<authorization-identifier>(.*)</authorization-identifier>", said)
    identifier, token = found("<enabled [^>]* id='([^']*)'", said), found("<token [^>]*token='([^']*)'", said)
    client.cut()
    bob.send_message(mto=full, mbody="kept", mtype="chat")

    again = await raw()
    said = await log_in(again, returning(jid, token, bind() + resume(identifier), " count='1'"))
    proof = hmac.digest(token.encode(), b"Responder", hashlib.sha256)
    assert f"<additional-data>{base64.b64encode(proof).decode()}</additional-data>" in said
    assert f"previd='{identifier}'" in said and "<bound" not in said
    assert found("<authorization-identifier>(.*)</authorization-identifier>", said) == full
    assert b">kept<" in await again.read_until(b"</message>")

    # What was resumed cannot be resumed again by who does not know its new beginning, but bound anew.
    third = await raw()
    said = await log_in(third, returning(jid, token, resume("nothing") + bind(), " count='2'"))
    assert "<failed " in said and "<bound " in said and "<enabled " in said
    sessions = sessions_of(sandbox, jid)
    assert [bool(session["content_types"]) for session in sessions] == [True, False, True]
    assert len(classes(sessions[2])) == 1


async def test_a_replayed_or_revoked_token_opens_nothing(sandbox, user, raw):
    jid, secret = enlist(sandbox, user)
    said = await log_in(await raw(), bearer(secret, REQUEST_TOKEN))
    token = found("<token [^>]*token='([^']*)'", said)
    await log_in(await raw(), returning(jid, token, attributes=" count='5'"))
    # The first is a replay. What follows has never been seen, but the token is not one any more.
    for count, condition in [(5, "not-authorized"), (6, "credentials-expired"), (7, "not-authorized")]:
        client = await raw()
        await client.send(stream_header() + returning(jid, token, attributes=f" count='{count}'"))
        assert f"<{condition} " in (await client.read_until(b"</failure>")).decode()
        # From here on the provider does not stand by its own token.
        url = f"{sandbox.provider}/operator/revocations"
        assert sandbox.call(url, {"visible_id": user}, bearer=OPERATOR)[0] == 200


async def test_no_stanza_passes_ahead_of_the_success(sandbox, user, raw):
    """XEP-0388, section 2.4. Vestibule refuses it, whatever the gatekeeper would do."""
    jid, secret = enlist(sandbox, user)
    client = await raw()
    ahead = f"<message to='{BOB}@{GATEKEEPER}'><body>early</body></message>".encode()
    await client.send(stream_header() + bearer(secret, bind()) + ahead)
    assert b"<not-authorized" in await client.read_all()
