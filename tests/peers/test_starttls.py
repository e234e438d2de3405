"""STARTTLS (RFC 6120, 5) on either leg: between real clients and a real gatekeeper, and against peers that cheat."""

import asyncio
import contextlib
import re
import ssl
import subprocess

import pytest
import pytest_asyncio

from names import CONTENT_TYPES, DEADLINE, ELSEWHERE, ELSEWHERE_NAME, GATEKEEPER, INTEROP, PASSWORD, SASL2, SCRIPTED
from node_client import NodeClient
from process import eventually
from raw import RawClient, RawGatekeeper, log_in, plain, stream_header
from resumption import connect_resumable, lose, resume
from scripted import CLOSING, SERVER_HEADER

TLS = "urn:ietf:params:xml:ns:xmpp-tls"
STARTTLS = f"<starttls xmlns='{TLS}'/>".encode()
PROCEED = f"<proceed xmlns='{TLS}'/>".encode()
OFFER = f"<stream:features><starttls xmlns='{TLS}'/></stream:features>".encode()
REQUIRED = f"<stream:features><starttls xmlns='{TLS}'><required/></starttls></stream:features>".encode()

HANDSHAKES = "vestibule_tls_handshakes_total"
CONNECTS = "vestibule_upstream_connects_total"

# What stands in the first bytes of a record of TLS with a ClientHello.
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

# A fatal alert in a record of TLS of its own (RFC 8446, 6): all that is heard of who takes what came for bad TLS.
ALERT = re.compile(rb"\x15\x03[\x01-\x03]\x00\x02\x02.", re.DOTALL)

pytestmark = pytest.mark.usefixtures("vestibule")


@pytest.fixture(params=["direct", "starttls"])
def upstream(request):
    """Each way to the gatekeeper, as the Vestibule that takes it."""
    return request.getfixturevalue("vestibule" if request.param == "direct" else "starttls_vestibule")


@pytest.fixture(params=["direct", "starttls"])
def way_in(request, upstream):
    """All four combinations of the legs, as the door that they begin at."""
    return upstream.door if request.param == "direct" else upstream.plain_door


@pytest_asyncio.fixture
async def plainly():
    """Opens a connection without TLS to a door: `await plainly(door)`."""
    connections = []

    async def plainly(door):
        connections.append(await RawClient.open_plain(door))
        return connections[-1]

    yield plainly
    for connection in connections:
        connection.cut()


@pytest_asyncio.fixture
async def cheat(starttls_vestibule):
    """A gatekeeper that speaks in the clear what a test tells it to."""
    gatekeeper = await RawGatekeeper.listen(starttls_vestibule.scripted_port, None)
    yield gatekeeper
    gatekeeper.close()


async def proceed(client, to=GATEKEEPER):
    """The client's way to the beginning of TLS."""
    await client.send(stream_header(to))
    assert (await client.read_until(b"</stream:features>")).endswith(REQUIRED)
    await client.send(STARTTLS)
    assert await client.read_until(b">") == PROCEED


def counted(vestibule, name, **labels):
    """Waits until a metric has grown since this was called first, and is awaited then: `grown = counted(…)`."""
    before = vestibule.metric(name, **labels) or 0
    return lambda: eventually(lambda: (vestibule.metric(name, **labels) or 0) == before + 1)


async def test_clients_talk_both_ways_and_content_types_are_advertised(way_in, connect, gatekeeper):
    alice, bob = await connect("alice", at=way_in, resource="secure"), await connect("bob")
    alice.send_message(mto=bob.boundjid.full, mbody="over", mtype="chat")
    assert (await bob.message())["body"] == "over"
    bob.send_message(mto=alice.boundjid.full, mbody="and back", mtype="chat")
    assert (await alice.message())["body"] == "and back"
    session = gatekeeper.session_of(alice.boundjid.full)
    (bind,) = [request for request in gatekeeper.received(session, "<iq") if "secure</resource>" in request]
    assert bind.count("<content-types") == 1 and CONTENT_TYPES in bind


async def test_the_gatekeeper_was_asked_for_tls_before_anything_else(upstream, connect, gatekeeper):
    alice = await connect("alice", at=upstream.plain_door)
    session = gatekeeper.session_of(alice.boundjid.full)
    asked = gatekeeper.received(session, "<starttls ")
    assert len(asked) == (1 if upstream.transport == "starttls" else 0)
    first = gatekeeper.received(session, "<")[0]
    assert first.startswith("<starttls " if asked else "<auth ")


async def test_a_session_is_resumed(way_in, connect):
    alice, bob = await connect_resumable(connect, "alice", at=way_in), await connect("bob")
    full = alice.boundjid.full
    await lose(alice)
    bob.send_message(mto=full, mbody="while away", mtype="chat")
    await bob.round_trip()
    await resume(alice)
    assert alice.boundjid.full == full
    assert (await alice.message())["body"] == "while away"


async def test_a_client_library_that_names_no_server_in_tls_talks(upstream, connect, accounts):
    bob = await connect("bob", SASL2)
    agent = ("d4565fa7-4d72-4749-b3d3-740edbf87770", "Peer Tests")
    alice = await NodeClient.start(upstream.plain_door, accounts.jid("alice", SASL2), PASSWORD, "node", agent)
    try:
        assert "online" in await alice.event()
        await alice.message(bob.boundjid.full, "by STARTTLS")
        assert (await bob.message())["body"] == "by STARTTLS"
    finally:
        await alice.leave()


def s_client(vestibule, host, name, *options):
    """What OpenSSL says of the handshake after STARTTLS for a host; `name` is the one that it verifies."""
    door = vestibule.plain_door
    command = ["openssl", "s_client", "-starttls", "xmpp", "-xmpphost", host, "-connect", f"127.0.0.1:{door.port}"]
    verified = ["-CAfile", door.authority, "-verify_hostname", name, "-verify_return_error", "-brief"]
    done = subprocess.run(
        [*command, *verified, *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE
    )
    return done.stderr.decode()


def test_openssl_begins_tls(vestibule):
    said = s_client(vestibule, GATEKEEPER, INTEROP, "-servername", INTEROP)
    assert "CONNECTION ESTABLISHED" in said and "Verification: OK" in said, said


@pytest.mark.parametrize("host, name", [(GATEKEEPER, INTEROP), (ELSEWHERE, ELSEWHERE_NAME)])
def test_who_names_no_server_is_shown_the_certificate_of_the_host(vestibule, host, name):
    assert "Verification: OK" in s_client(vestibule, host, name, "-noservername")


def test_who_names_a_server_is_shown_its_certificate_whatever_the_host(vestibule):
    assert "Verification: OK" in s_client(vestibule, GATEKEEPER, ELSEWHERE_NAME, "-servername", ELSEWHERE_NAME)


async def test_in_tls_only_the_host_can_be_named_that_was_named_before(vestibule, plainly):
    client = await plainly(vestibule.plain_door)
    await proceed(client, GATEKEEPER)
    await client.begin_tls(vestibule.plain_door)
    await client.send(stream_header(SASL2))
    assert b"<host-unknown " in await client.read_all()


async def test_the_stream_in_tls_offers_no_starttls(vestibule, plainly, accounts):
    client, jid = await plainly(vestibule.plain_door), accounts.jid("alice")
    await proceed(client)
    await client.begin_tls(vestibule.plain_door)
    await client.send(stream_header())
    assert TLS.encode() not in await client.read_until(b"</stream:features>")
    await client.send(plain(jid.split("@")[0], PASSWORD))
    await client.read_until(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")


@pytest.mark.parametrize(
    "said, condition",
    [
        (stream_header(None), b"improper-addressing"),
        (stream_header("unknown.example"), b"host-unknown"),
        (stream_header() + b"<message/>", b"not-authorized"),
        (stream_header() + plain("alice", "secret"), b"unsupported-stanza-type"),
        (stream_header() + b"<!-- -->", b"restricted-xml"),
        (CLIENT_HELLO, b"not-well-formed"),
    ],
    ids=["no-host", "unknown-host", "stanza", "sasl", "comment", "tls"],
)
async def test_nothing_but_the_request_for_tls_is_taken_in_the_clear(vestibule, plainly, said, condition):
    refused = counted(vestibule, HANDSHAKES, result="starttls-refused")
    client = await plainly(vestibule.plain_door)
    await client.send_in_pieces(said)
    heard = await client.read_all()
    assert b"<%b " % condition in heard and heard.endswith(CLOSING)
    client.cut()
    await refused()


async def test_what_is_sent_behind_the_request_for_tls_never_takes_effect(vestibule, plainly):
    injected = counted(vestibule, HANDSHAKES, result="starttls-injected")
    client = await plainly(vestibule.plain_door)
    await client.send(stream_header() + STARTTLS + stream_header() + plain("alice", "secret"))
    heard = await client.read_all()
    assert b"<policy-violation " in heard and PROCEED not in heard
    client.cut()
    await injected()


async def test_what_comes_between_the_leave_for_tls_and_tls_is_refused_by_tls(vestibule, plainly):
    failed = counted(vestibule, HANDSHAKES, result="failed")
    client = await plainly(vestibule.plain_door)
    await proceed(client)
    await client.send(stream_header())
    assert ALERT.fullmatch(await client.read_all())
    await failed()


async def test_a_client_that_leaves_before_tls_is_counted(vestibule, plainly):
    lost = counted(vestibule, HANDSHAKES, result="starttls-lost")
    client = await plainly(vestibule.plain_door)
    await client.send(stream_header())
    await client.read_until(b"</stream:features>")
    client.cut()
    await lost()


async def test_a_stream_in_the_clear_is_no_direct_tls(vestibule, plainly):
    failed = counted(vestibule, HANDSHAKES, result="failed")
    client = await plainly(vestibule.door)
    await client.send(stream_header())
    assert ALERT.fullmatch(await client.read_all())
    await failed()


async def test_direct_tls_is_no_stream_in_the_clear(vestibule):
    refused = counted(vestibule, HANDSHAKES, result="starttls-refused")
    with pytest.raises(ssl.SSLError):
        await RawClient.open(vestibule.plain_door)
    await refused()


@pytest.mark.parametrize(
    "said, result",
    [
        (SERVER_HEADER + b"<stream:features/>", "starttls-not-offered"),
        (SERVER_HEADER + OFFER + f"<failure xmlns='{TLS}'/>".encode(), "starttls-failure"),
        (SERVER_HEADER + OFFER + PROCEED + SERVER_HEADER, "starttls-injected"),
        (SERVER_HEADER + b"<message/>", "stream-before-tls"),
        (b"220 mail.example ESMTP\r\n", "stream-before-tls"),
    ],
)
async def test_without_tls_nothing_of_the_client_goes_to_the_gatekeeper(
    starttls_vestibule, cheat, raw, said, result
):
    """A gatekeeper that does not do its part, or somebody in its place who takes the offer out."""
    refused = counted(starttls_vestibule, CONNECTS, host=SCRIPTED, result=result)
    client = await raw(at=starttls_vestibule.door)
    header = stream_header(SCRIPTED).replace(b" to=", b" from='alice@client.example' to=")
    await client.send(header)
    gatekeeper = await cheat.accept()
    own = await gatekeeper.read_until(b"version='1.0'>")
    assert b"to='scripted.example'" in own and b"from=" not in own
    await gatekeeper.send(said)
    heard = await gatekeeper.read_all()
    assert heard.replace(STARTTLS, b"").endswith(CLOSING) and b"alice" not in heard
    gatekeeper.cut()
    assert b"<remote-connection-failed " in await client.read_all()
    await refused()


async def test_a_gatekeeper_that_says_nothing_is_given_up(starttls_vestibule, cheat, raw):
    refused = counted(starttls_vestibule, CONNECTS, host=SCRIPTED, result="timeout")
    client = await raw(at=starttls_vestibule.door)
    await client.send(stream_header(SCRIPTED))
    gatekeeper = await cheat.accept()
    assert b"<remote-connection-failed " in await client.read_all()
    gatekeeper.cut()
    await refused()


async def test_an_upstream_serves_several_hosts_by_their_names(starttls_vestibule, accounts, raw):
    """Prosody shows each host's features only to who has named it before TLS."""
    for host, offered in [(GATEKEEPER, False), (SASL2, True)]:
        client, jid = await raw(at=starttls_vestibule.door), accounts.jid("alice", host)
        await client.send(stream_header(host))
        features = await client.read_until(b"</stream:features>")
        assert (b"urn:xmpp:sasl:2" in features) == offered
        client.cut()
        assert jid.encode() in await log_in(await raw(at=starttls_vestibule.door), jid, PASSWORD)


async def test_slow_clients_hold_up_nobody(start_vestibule, plainly, connect):
    vestibule = start_vestibule(limits="timeouts: { header: 1h, authentication: 1h }")
    slow = [await plainly(vestibule.plain_door) for _ in range(50)]
    for number, client in enumerate(slow):
        # Before, in and behind the header, and in the request for TLS.
        await client.send((stream_header() + STARTTLS)[: number * 5])
    alice, bob = [await connect(name, at=vestibule.plain_door) for name in ["alice", "bob"]]
    alice.send_message(mto=bob.boundjid.full, mbody="past them", mtype="chat")
    assert (await bob.message())["body"] == "past them"
    # They are still being waited for, each where it was.
    for number, client in enumerate(slow):
        await client.send((stream_header() + STARTTLS)[number * 5 :])
        await client.read_until(PROCEED)


async def test_the_time_in_the_clear_is_bounded_whatever_comes_in_it(start_vestibule, plainly):
    vestibule = start_vestibule(limits="timeouts: { header: 2s }")
    client = await plainly(vestibule.plain_door)

    async def drip():
        with contextlib.suppress(ConnectionError):
            while True:
                await client.send(b"\n")
                await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drip())
    assert b"<connection-timeout " in await client.read_all()
    dripping.cancel()
