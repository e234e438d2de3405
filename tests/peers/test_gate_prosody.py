"""What the gate and the phases refuse ends the session with its stream error, and a real Prosody sees none of it."""

import pytest

from hostile import CONDITIONS, IN_STREAM
from names import ELSEWHERE, GATEKEEPER, PASSWORD, UNREACHABLE, UNTRUSTED
from raw import log_in, stream_header

pytestmark = pytest.mark.usefixtures("vestibule")

BEFORE = b"<message id='before'/>"
AFTER = b"<message id='after'/>"
ONLY_BEFORE = ["RECV: <message id='before'/>", "Received </stream:stream>"]


@pytest.fixture(scope="module")
def jid(gatekeeper):
    """One account for all: each session is over when the next one begins."""
    gatekeeper.register("hostile", GATEKEEPER, PASSWORD)
    return f"hostile@{GATEKEEPER}"


@pytest.fixture
def bound(raw, gatekeeper, jid):
    """A session with a bound resource, and what Prosody calls it."""

    async def bound():
        client = await raw()
        address = (await log_in(client, jid, PASSWORD)).split(b"<jid>")[1].split(b"</jid>")[0].decode()
        return client, gatekeeper.session_of(address)

    return bound


def refusal(received):
    """The condition of the stream error at the end of what was received, which must end with the closing tag."""
    assert received.endswith(b"</stream:error></stream:stream>"), received
    error = received[received.rindex(b"<stream:error") :]
    return error.split(b">", 1)[1].split(b" ", 1)[0].removeprefix(b"<").decode()


async def after_binding(gatekeeper, session):
    """What Prosody says that it received after the bind request, up to the end: stanzas, tags, what it cannot parse."""
    received = ("RECV: ", "Received </", "Received invalid XML")
    logged = [line.split("\t", 2)[2] for line in await gatekeeper.ended(session)]
    # Prosody adds the language, wherever among the attributes.
    said = [text.replace(" xml:lang='en'", "") for text in logged if text.startswith(received)]
    (binding,) = [number for number, text in enumerate(said) if "<bind " in text]
    return said[binding + 1 :]


@pytest.mark.parametrize("hostile", IN_STREAM, ids=[row.name for row in IN_STREAM])
async def test_what_the_gate_refuses_of_a_client_never_reaches_prosody(bound, gatekeeper, hostile):
    client, session = await bound()
    await client.send(BEFORE + hostile.sent + AFTER)
    assert refusal(await client.read_all()) == CONDITIONS.get(hostile.kind, "not-well-formed")
    assert await after_binding(gatekeeper, session) == ONLY_BEFORE


NO_STANZA = {
    "element of another namespace": b"<envelope xmlns='urn:example:e2ee'/>",
    "stream error": b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "features": b"<stream:features/>",
    "success": b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
}


@pytest.mark.parametrize("sent", NO_STANZA.values(), ids=NO_STANZA.keys())
async def test_what_is_no_clients_to_send_never_reaches_prosody(bound, gatekeeper, sent):
    client, session = await bound()
    await client.send(BEFORE + sent + AFTER)
    assert refusal(await client.read_all()) == "unsupported-stanza-type"
    assert await after_binding(gatekeeper, session) == ONLY_BEFORE


BEFORE_AUTHENTICATION = {
    "another protocol": (b"GET / HTTP/1.1\r\nHost: gatekeeper.example\r\n\r\n", "not-well-formed"),
    "no to": (stream_header(to=None), "improper-addressing"),
    "unknown to": (stream_header(to="unknown.example"), "host-unknown"),
    "to of another server name": (stream_header(to=ELSEWHERE), "host-unknown"),
    "gatekeeper that is not trusted": (stream_header(to=UNTRUSTED), "remote-connection-failed"),
    "gatekeeper that is away": (stream_header(to=UNREACHABLE), "remote-connection-failed"),
    "stanza before authentication": (
        stream_header() + b"<message to='gatekeeper.example'/>",
        "not-authorized",
    ),
    "large element before authentication": (
        stream_header()
        + b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
        + b"A" * 10_000,
        "policy-violation",
    ),
}


@pytest.mark.parametrize("sent, condition", BEFORE_AUTHENTICATION.values(), ids=BEFORE_AUTHENTICATION.keys())
async def test_a_refusal_before_authentication_says_why(raw, sent, condition):
    client = await raw()
    await client.send(sent)
    received = await client.read_all()
    assert refusal(received) == condition
    assert received.count(b"<stream:stream") == 1


async def test_a_request_for_compression_is_answered_and_not_passed_on(bound, gatekeeper):
    client, session = await bound()
    await client.send(
        b"<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"
    )
    assert b"<setup-failed" in await client.read_until(b"</failure>")
    await client.send(b"</stream:stream>")
    await client.read_all()
    assert not [line for line in await gatekeeper.ended(session) if "RECV: <compress" in line]
