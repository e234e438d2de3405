"""Standard clients with the sandbox's gatekeeper, through Vestibule: they enlist, log in with tokens, and chat."""

import asyncio
import itertools
import json
import re
import signal
import ssl

import pytest
import pytest_asyncio
import slixmpp.util.sasl.client as sasl
from slixmpp.util.sasl.mechanisms import Mech, sasl_mech

from client import Client, Door, befriend
from enlistment import ClientKey, enlist, get_token
from haproxy import HAProxy
from names import CONTENT_TYPES, GATEKEEPER, PASSWORD
from node_client import NodeClient
from process import eventually
from sandbox import BOB, OPERATOR, Sandbox

USERS = dict.fromkeys(
    (f"{name}{number}@provider.example" for name in ("ann", "ben", "cat") for number in range(8)), PASSWORD
)
ONE_USER = {"ann@provider.example": PASSWORD}

_numbers = itertools.count()


@sasl_mech(70)
class OAUTHBEARER(Mech):
    """RFC 7628, which slixmpp does not have itself. The token stands in the password's place."""

    name = "OAUTHBEARER"
    required_credentials = {"username", "password"}
    optional_credentials = {"authzid"}
    security = {"encrypted"}

    def check_credentials(self, sasl):
        pass

    def setup(self, name):
        pass

    def process(self, challenge=b""):
        if challenge:
            # The error is acknowledged (section 3.2.3).
            return b"\x01"
        return b"n,,\x01auth=Bearer " + self.credentials["password"] + b"\x01\x01"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory, authority):
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), authority, USERS)
    yield sandbox
    codes = sandbox.stop()
    assert codes == {"provider": 0, "gatekeeper": 0, "vestibule": 0}


@pytest.fixture
def user():
    """Another user of the provider for each test: `user("ann")`."""
    number = next(_numbers) % 8
    return lambda name: f"{name}{number}@provider.example"


@pytest_asyncio.fixture
async def log_in(sandbox):
    clients = []

    async def log_in(jid, secret, mechanism, door=None, resource="app-2.4", **options):
        door = door or sandbox.door
        client = Client(door, f"{jid}/{resource}", secret, sasl_mech=mechanism, **options)
        clients.append(client)
        await client.login()
        await client.appear()
        return client

    yield log_in
    for client in clients:
        await client.leave()


@pytest_asyncio.fixture
async def bob(sandbox, log_in):
    """A user of the gatekeeper's own, who is connected to it directly."""
    resource = f"desk-{next(_numbers)}"
    jid = f"{BOB}@{GATEKEEPER}"
    return await log_in(jid, PASSWORD, "SCRAM-SHA-256", sandbox.gatekeeper_door, resource)


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "PLAIN"])
async def test_slixmpp_logs_in_with_a_token_and_chats(sandbox, user, log_in, bob, mechanism):
    jid, token = enlist(sandbox, user("ann"))
    ann = await log_in(jid, token, mechanism)
    assert ann.plugin["feature_mechanisms"].mech.name == mechanism
    assert ann.boundjid.bare == jid
    ann.send_message(mto=bob.boundjid, mbody="Hello Bob", mtype="chat")
    assert (await bob.message(lambda message: message["from"] == ann.boundjid))["body"] == "Hello Bob"
    bob.send_message(mto=ann.boundjid, mbody="Hello Ann", mtype="chat")
    assert (await ann.message())["body"] == "Hello Ann"


async def test_xmpp_js_logs_in_with_a_token_and_chats(sandbox, user, bob):
    jid, token = enlist(sandbox, user("ann"))
    client = await NodeClient.start(sandbox.door, jid, token, "app-2.4", ("none", "none"))
    try:
        online = await client.event()
        # The server makes the resource that Bind 2 asks for unique (XEP-0386, section 3.2.1).
        assert online.get("online", "").startswith(f"{jid}/app-2.4/"), online
        await client.message(str(bob.boundjid), "Hello from afar")
        heard = await bob.message(lambda message: message["from"].bare == jid)
        assert heard["body"] == "Hello from afar"
        bob.send_message(mto=online["online"], mbody="Welcome", mtype="chat")
        assert (await client.event())["body"] == "Welcome"
    finally:
        await client.leave()


async def test_two_users_of_the_provider_chat_with_each_other(sandbox, user, log_in):
    ann, ben = [await log_in(*enlist(sandbox, user(name)), "OAUTHBEARER") for name in ("ann", "ben")]
    ann.send_message(mto=ben.boundjid.bare, mbody="Hello Ben", mtype="chat")
    assert (await ben.message())["from"] == ann.boundjid


async def test_contacts_see_each_other_come_and_go(sandbox, user, log_in, bob):
    ann = await log_in(*enlist(sandbox, user("ann")), "OAUTHBEARER")
    await befriend(ann, bob)
    jid = ann.boundjid
    await ann.leave()
    await bob.presence(lambda presence: presence["from"] == jid and presence["type"] == "unavailable")


async def test_receipts_and_typing_pass(sandbox, user, log_in, bob):
    plugins = ["xep_0184", "xep_0085"]
    ann = await log_in(*enlist(sandbox, user("ann")), "OAUTHBEARER", plugins=plugins)
    question = ann.make_message(mto=bob.boundjid, mbody="Are you there?", mtype="chat")
    question["request_receipt"] = True
    question.send()
    asked = await bob.message(lambda message: message["body"] == "Are you there?")
    receipt = bob.make_message(mto=ann.boundjid)
    receipt.append(_element(f"<received xmlns='urn:xmpp:receipts' id='{asked['id']}'/>"))
    receipt.send()
    typing = bob.make_message(mto=ann.boundjid, mtype="chat")
    typing.append(_element("<composing xmlns='http://jabber.org/protocol/chatstates'/>"))
    typing.send()
    assert (await ann.message(lambda message: message["receipt"]))["receipt"] == asked["id"]
    assert (await ann.message(lambda message: message["chat_state"]))["chat_state"] == "composing"


async def test_the_gatekeeper_sends_no_class_that_was_not_advertised(sandbox, user, log_in, bob):
    ann = await log_in(*enlist(sandbox, user("ann")), "OAUTHBEARER")
    video = bob.make_message(mto=ann.boundjid, mtype="chat")
    video["id"] = "video"
    video.append(_element("<video xmlns='urn:x-vestibule:content:0' type='video/mp4' size='9'>x</video>"))
    video.send()
    refused = await bob.message(lambda message: message["type"] == "error" and message["id"] == "video")
    assert refused["error"]["condition"] == "not-acceptable"
    session = next(session for session in sandbox.sessions() if session["full_jid"] == str(ann.boundjid))
    assert CONTENT_TYPES not in json.dumps(session["signals"])
    assert "image" in json.dumps(session["content_types"])


async def test_an_absent_user_is_woken_and_finds_what_was_written(sandbox, user, log_in, bob):
    visible_id = user("cat")
    jid, token = enlist(sandbox, visible_id)
    bob.send_message(mto=jid, mbody="When you have time", mtype="chat")

    def pushes():
        return sandbox.call(f"{sandbox.provider}/pushes", bearer=token)[1]["pushes"]

    await eventually(pushes)
    cat = await log_in(jid, token, "OAUTHBEARER", plugins=["xep_0203"])
    waited = await cat.message(lambda message: message["body"])
    assert waited["body"] == "When you have time"
    assert waited["delay"]["stamp"]


async def test_a_session_is_resumed_after_a_cut(sandbox, user, log_in, bob):
    ann = await log_in(*enlist(sandbox, user("ann")), "OAUTHBEARER", plugins=["xep_0198"])
    jid = ann.boundjid
    resumed = asyncio.ensure_future(ann.wait_until("session_resumed", 60))
    ann.cut()
    bob.send_message(mto=jid, mbody="In the tunnel", mtype="chat")
    ann.dial()
    await resumed
    assert (await ann.message())["body"] == "In the tunnel"
    assert ann.boundjid == jid


async def test_a_revoked_token_opens_no_stream(sandbox, user, log_in):
    visible_id = user("ben")
    jid, token = enlist(sandbox, visible_id)
    first = await log_in(jid, token, "OAUTHBEARER")
    await first.leave()
    url = f"{sandbox.provider}/operator/revocations"
    status, answer = sandbox.call(url, {"visible_id": visible_id}, bearer=OPERATOR)
    assert (status, answer["revoked"] > 0) == (200, True), answer
    with pytest.raises(PermissionError):
        await log_in(jid, token, "OAUTHBEARER")
    await log_in(jid, get_token(sandbox, visible_id), "OAUTHBEARER")


async def test_a_rotated_key_is_found_and_the_old_one_stays_good(sandbox, user, log_in):
    visible_id = user("ann")
    jid, before = enlist(sandbox, visible_id)
    assert sandbox.call(f"{sandbox.provider}/operator/keys/rotate", {}, "POST", OPERATOR)[0] in (200, 201, 204)
    after = get_token(sandbox, visible_id, ClientKey())
    for token in (before, after):
        client = await log_in(jid, token, "OAUTHBEARER", resource=f"app-{next(_numbers)}")
        await client.leave()


async def test_the_sandboxs_own_client_is_chatted_with(sandbox, user, bob):
    client = sandbox.client(user("cat"), "--clear", "--to", str(bob.boundjid))
    try:
        client.stdin.write("Hello from a terminal\n")
        client.stdin.flush()
        heard = await bob.message(lambda message: message["body"] == "Hello from a terminal")
        bob.send_message(mto=heard["from"], mbody="A \x9b[2J safe answer", mtype="chat")
        output = await asyncio.to_thread(_until, client.stdout, "safe answer")
        assert "\x9b" not in output
        client.stdin.close()
        assert await asyncio.to_thread(client.wait, 60) == 0
    finally:
        client.kill()


@pytest.mark.parametrize(
    "header, version, tlvs",
    [
        ("send-proxy", 1, set()),
        ("send-proxy-v2", 2, set()),
        # A checksum of the header, and whether the client's own connection was TLS.
        ("send-proxy-v2-ssl proxy-v2-options crc32c", 2, {0x03, 0x20}),
    ],
)
async def test_the_gatekeeper_reads_what_haproxy_says_of_a_connection(
    tmp_path, authority, log_in, header, version, tlvs
):
    other = Sandbox(tmp_path, authority, ONE_USER, proxy_protocol="required")
    haproxy = HAProxy(tmp_path, other.ports["streams"], header)
    try:
        door = Door(haproxy.port, GATEKEEPER, other.roots)
        bob = await log_in(f"{BOB}@{GATEKEEPER}", PASSWORD, "SCRAM-SHA-256", door)
        _host, port = bob.transport.get_extra_info("sockname")
        [session] = [session for session in other.sessions() if session["full_jid"]]
        told = session["proxy_header"]
        assert told["addresses"]["source"] == f"127.0.0.1:{port}"
        assert told["addresses"]["destination"] == f"127.0.0.1:{haproxy.port}"
        assert (told["version"], {tlv["type"] for tlv in told["tlvs"]}) == (version, tlvs)
        await bob.leave()
        # Who sends no header is not served.
        with pytest.raises((ConnectionError, ssl.SSLError)):
            reader, _writer = await asyncio.open_connection(
                "127.0.0.1", other.ports["streams"], ssl=other.tls, server_hostname=GATEKEEPER
            )
            await reader.read(1)
    finally:
        haproxy.stop()
        other.stop()


async def test_the_parties_end_when_they_are_asked_to(sandbox, tmp_path, authority):
    other = Sandbox(tmp_path, authority, ONE_USER, algorithm="ES256")
    jid, _token = enlist(other, *ONE_USER)
    assert re.fullmatch(rf"[0-9a-f]{{32}}@{re.escape(GATEKEEPER)}", jid)
    for server in other.servers.values():
        server.signal(signal.SIGINT)
    assert {server.process.wait(60) for server in other.servers.values()} == {0}


def _until(stream, text):
    """What comes until a line has this text in it."""
    lines = []
    for line in stream:
        lines.append(line)
        if text in line:
            break
    return "".join(lines)


def _element(text):
    from xml.etree import ElementTree

    return ElementTree.fromstring(text)
