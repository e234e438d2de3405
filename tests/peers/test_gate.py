"""What the gate refuses ends the session with the right stream error, and never reaches the gatekeeper."""

import pytest

from names import ELSEWHERE, PASSWORD, UNREACHABLE, UNTRUSTED
from raw import log_in, stream_header

pytestmark = pytest.mark.usefixtures("vestibule")

# What a bound client sends, and the condition it is refused with (RFC 6120, 4.9.3).
REFUSED = {
    "control character": (b"<message><body>\x01</body></message>", "not-well-formed"),
    "reference to a control character": (b"<message><body>&#1;</body></message>", "not-well-formed"),
    "same attribute twice": (b"<message id='a' id='b'/>", "not-well-formed"),
    "end tag of another element": (b"<message><body></message></body>", "not-well-formed"),
    "end of CDATA in text": (b"<message><body>]]></body></message>", "not-well-formed"),
    "name that starts with a digit": (b"<message><1a/></message>", "not-well-formed"),
    "text between stanzas": (b"text<message/>", "bad-format"),
    "lead byte that swallows a tag": (b"<message><body>\xeb<></body></message>", "unsupported-encoding"),
    "comment": (b"<message><!-- --></message>", "restricted-xml"),
    "processing instruction": (b"<message><?php ?></message>", "restricted-xml"),
    "document type": (b"<!DOCTYPE message [<!ENTITY a 'a'>]>", "restricted-xml"),
    "entity that a document type would declare": (
        b"<message><body>&entity;</body></message>",
        "restricted-xml",
    ),
    "XML declaration": (b"<?xml version='1.0'?>", "restricted-xml"),
    "undeclared prefix": (b"<message><x:a/></message>", "not-well-formed"),
    "too large": (b"<message><body>" + b"a" * 300_000 + b"</body></message>", "policy-violation"),
    "too deep": (b"<message>" + b"<a>" * 100 + b"</a>" * 100 + b"</message>", "policy-violation"),
    "not a stanza": (b"<envelope xmlns='urn:example:e2ee'/>", "unsupported-stanza-type"),
    "second stream header": (stream_header().removeprefix(b"<?xml version='1.0'?>"), "bad-format"),
}


def refusal(received):
    """The condition of the stream error at the end of what was received, which must end with the closing tag."""
    assert received.endswith(b"</stream:error></stream:stream>"), received
    error = received[received.rindex(b"<stream:error") :]
    return error.split(b">", 1)[1].split(b" ", 1)[0].removeprefix(b"<").decode()


@pytest.mark.parametrize("sent, condition", REFUSED.values(), ids=REFUSED.keys())
async def test_what_a_bound_client_may_not_send_never_reaches_the_gatekeeper(
    raw, accounts, gatekeeper, sent, condition
):
    client = await raw()
    bound = await log_in(client, accounts.jid("alice"), PASSWORD)
    session = gatekeeper.session_of(bound.split(b"<jid>")[1].split(b"</jid>")[0].decode())
    await client.send(b"<message id='before'/>" + sent + b"<message id='after'/>")
    assert refusal(await client.read_all()) == condition
    messages = [line for line in await gatekeeper.ended(session) if "RECV: <message" in line]
    assert len(messages) == 1 and "id='before'" in messages[0]


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


async def test_a_request_for_compression_is_answered_and_not_passed_on(raw, accounts, gatekeeper):
    client = await raw()
    bound = await log_in(client, accounts.jid("alice"), PASSWORD)
    session = gatekeeper.session_of(bound.split(b"<jid>")[1].split(b"</jid>")[0].decode())
    await client.send(
        b"<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"
    )
    assert b"<setup-failed" in await client.read_until(b"</failure>")
    await client.send(b"</stream:stream>")
    await client.read_all()
    assert not [line for line in await gatekeeper.ended(session) if "RECV: <compress" in line]
