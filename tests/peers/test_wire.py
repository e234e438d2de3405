"""Both ends as bytes: what is not edited passes unchanged, and each way to end reaches the other side as meant."""

import asyncio

import pytest

from names import GATEKEEPER, SCRIPTED
from process import eventually
from raw import BIND, plain, stream_header

SERVER_HEADER = (
    b"<?xml version='1.0'?><stream:stream from='scripted.example' id='s1' version='1.0' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>"
)
MECHANISMS = (
    b"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
    b"</stream:features>"
)
SUCCESS = b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
BINDING = b"<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>"
BOUND = (
    b"<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    b"<jid>alice@scripted.example/raw</jid></bind></iq>"
)

# XML that is well-formed and unusual: a parser and a serializer would write each of them otherwise.
UNUSUAL = [
    b'<message  to = "bob@scripted.example"\n\tid=\'a"b\' ><body >x</body\n></message >',
    b"<message a='>' b='/>'><body/></message>",
    b"<message><body>&lt;&#x41;&#65;&amp;<![CDATA[<message/>]]>\r\n</body><empty></empty><empty/></message>",
    "<message xml:lang='ja'><body>\u6f22\U0001f600</body></message>".encode(),
    b"<c:message xmlns:c='jabber:client' xmlns:x='urn:x'><x:y x:z='1' z='1'/></c:message>",
    b"<presence/>",
    b" \n ",
    b"<r xmlns='urn:xmpp:sm:3'/>",
    b"<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
]
LAST = b"<message id='last'/>"


async def exchange(sender, receiver, data):
    """`data` and nothing else arrives."""
    await sender.send(data)
    assert await receiver.read_until(data[-1:] if len(data) < 2 else data) == data


@pytest.fixture
def bind(raw, scripted):
    """Takes a client and the gatekeeper up to a bound session; each step's bytes must pass unchanged."""

    async def bind(header=stream_header(SCRIPTED)):
        client = await raw()
        await client.send(header)
        gatekeeper = await scripted.accept()
        assert await gatekeeper.read_until(header) == header
        await exchange(gatekeeper, client, SERVER_HEADER + MECHANISMS)
        await exchange(client, gatekeeper, plain("alice", "secret"))
        await exchange(gatekeeper, client, SUCCESS)
        await exchange(client, gatekeeper, header)
        await exchange(gatekeeper, client, SERVER_HEADER + BINDING)
        await exchange(client, gatekeeper, BIND)
        await exchange(gatekeeper, client, BOUND)
        return client, gatekeeper

    return bind


async def test_unusual_xml_passes_unchanged_both_ways(bind):
    client, gatekeeper = await bind()
    stanzas = b"".join(UNUSUAL) + LAST
    for sender, receiver in [(client, gatekeeper), (gatekeeper, client)]:
        await sender.send(stanzas)
        assert await receiver.read_until(LAST) == stanzas


async def test_unusual_xml_passes_unchanged_byte_by_byte(bind):
    client, gatekeeper = await bind()
    stanzas = b"".join(UNUSUAL) + LAST
    for sender, receiver in [(client, gatekeeper), (gatekeeper, client)]:
        await sender.send_byte_by_byte(stanzas)
        assert await receiver.read_until(LAST) == stanzas


async def test_each_client_has_a_connection_of_its_own_to_the_gatekeeper(bind):
    first, second = await bind(), await bind()
    await exchange(first[0], first[1], b"<message id='first'/>")
    await exchange(second[0], second[1], b"<message id='second'/>")


async def test_a_client_that_does_not_read_holds_up_the_gatekeeper_and_not_the_other_direction(
    bind, vestibule
):
    client, gatekeeper = await bind()
    # More than the sockets' buffers and Vestibule's bound take together.
    stanza = b"<message><body>" + b"x" * 1_000_000 + b"</body></message>"
    count = 60

    async def send():
        for _ in range(count):
            await gatekeeper.send(stanza)

    sending = asyncio.create_task(send())
    for number in range(50):
        await exchange(client, gatekeeper, b"<message id='%d'/>" % number)
    assert not sending.done()
    await eventually(lambda: vestibule.metric("vestibule_buffered_bytes"))
    assert vestibule.metric("vestibule_buffered_bytes") < 8_000_000
    for _ in range(count):
        assert await client.read_exactly(len(stanza)) == stanza
    await sending


async def test_a_client_that_is_lost_is_lost_to_the_gatekeeper_too(bind):
    client, gatekeeper = await bind()
    await exchange(client, gatekeeper, LAST)
    client.cut()
    assert await gatekeeper.read_all() == b""


async def test_a_gatekeeper_that_is_lost_is_lost_to_the_client_too(bind):
    client, gatekeeper = await bind()
    await exchange(gatekeeper, client, LAST)
    gatekeeper.cut()
    assert await client.read_all() == b""


async def test_a_clients_closing_tag_is_passed_on_and_answered_by_the_gatekeeper(bind):
    client, gatekeeper = await bind()
    await exchange(client, gatekeeper, b"</stream:stream>")
    await gatekeeper.send(LAST + b"</stream:stream>")
    assert await client.read_all() == LAST + b"</stream:stream>"
    assert await gatekeeper.read_all() == b""


async def test_a_gatekeepers_stream_error_and_closing_tag_reach_the_client(bind):
    client, gatekeeper = await bind()
    error = b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    await gatekeeper.send(error)
    assert await client.read_until(b"</stream:stream>") == error


async def test_what_the_gate_refuses_of_the_gatekeeper_never_reaches_the_client(bind):
    client, gatekeeper = await bind()
    await gatekeeper.send(LAST + b"<message><!-- smuggled --></message>" + LAST)
    assert await client.read_all() == LAST + b"</stream:stream>"
    refusal = await gatekeeper.read_all()
    assert b"<restricted-xml " in refusal and refusal.endswith(b"</stream:stream>")


async def test_after_a_clients_refused_stanza_the_gatekeeper_gets_the_closing_tag(bind):
    client, gatekeeper = await bind()
    await client.send(LAST + b"<message><!-- smuggled --></message>" + LAST)
    assert b"<restricted-xml " in await client.read_all()
    assert await gatekeeper.read_all() == LAST + b"</stream:stream>"


async def test_the_closing_tag_is_that_of_the_header_that_was_sent(bind):
    """Each side chose its own prefix."""
    header = (
        b"<s:stream to='scripted.example' version='1.0' xmlns='jabber:client'"
        b" xmlns:s='http://etherx.jabber.org/streams'>"
    )
    client, gatekeeper = await bind(header)
    await client.send(b"<message><!-- smuggled --></message>")
    assert (await client.read_all()).endswith(b"</stream:error></stream:stream>")
    assert await gatekeeper.read_all() == b"</s:stream>"


async def test_another_host_after_the_restart_is_refused(raw, scripted):
    client = await raw()
    await client.send(stream_header(SCRIPTED))
    gatekeeper = await scripted.accept()
    await gatekeeper.read_until(stream_header(SCRIPTED))
    await exchange(gatekeeper, client, SERVER_HEADER + MECHANISMS)
    await exchange(client, gatekeeper, plain("alice", "secret"))
    await exchange(gatekeeper, client, SUCCESS)
    await client.send(stream_header(GATEKEEPER))
    assert b"<host-unknown " in await client.read_all()
    assert b"<stream:stream" not in await gatekeeper.read_all()


async def test_what_a_client_sends_before_success_does_not_count_after_it(raw, scripted):
    """A header that was there before SASL succeeded could have been written by somebody else."""
    client = await raw()
    await client.send(stream_header(SCRIPTED))
    gatekeeper = await scripted.accept()
    await gatekeeper.read_until(stream_header(SCRIPTED))
    await exchange(gatekeeper, client, SERVER_HEADER + MECHANISMS)
    await client.send(plain("alice", "secret") + stream_header(SCRIPTED))
    await client.read_until(b"</stream:error>")
    assert stream_header(SCRIPTED) not in await gatekeeper.read_all()


async def test_half_a_stanza_is_never_passed_on(bind):
    client, gatekeeper = await bind()
    await client.send(LAST + b"<message><body>half")
    assert await gatekeeper.read_until(LAST) == LAST
    client.cut()
    assert await gatekeeper.read_all() == b""


async def test_features_that_lead_around_the_proxy_are_not_offered(raw, scripted):
    client = await raw()
    await client.send(stream_header(SCRIPTED))
    gatekeeper = await scripted.accept()
    await gatekeeper.read_until(stream_header(SCRIPTED))
    detours = (
        b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        b"<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>"
    )
    await gatekeeper.send(SERVER_HEADER + MECHANISMS.replace(b"<mechanisms", detours + b"<mechanisms"))
    assert await client.read_until(b"</stream:features>") == SERVER_HEADER + MECHANISMS
