"""Both ends as bytes: what is not edited passes unchanged, and each way to end reaches the other side as meant."""

import asyncio

from names import GATEKEEPER, SCRIPTED
from process import eventually
from raw import stream_header
from scripted import MECHANISMS, SERVER_HEADER, authenticate, exchange, greet

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


async def test_unusual_xml_passes_unchanged_both_ways(bound):
    client, gatekeeper = await bound()
    stanzas = b"".join(UNUSUAL) + LAST
    for sender, receiver in [(client, gatekeeper), (gatekeeper, client)]:
        await sender.send(stanzas)
        assert await receiver.read_until(LAST) == stanzas


async def test_unusual_xml_passes_unchanged_byte_by_byte(bound):
    client, gatekeeper = await bound()
    stanzas = b"".join(UNUSUAL) + LAST
    for sender, receiver in [(client, gatekeeper), (gatekeeper, client)]:
        await sender.send_byte_by_byte(stanzas)
        assert await receiver.read_until(LAST) == stanzas


async def test_each_client_has_a_connection_of_its_own_to_the_gatekeeper(bound):
    first, second = await bound(), await bound()
    await exchange(first[0], first[1], b"<message id='first'/>")
    await exchange(second[0], second[1], b"<message id='second'/>")


async def test_a_client_that_does_not_read_holds_up_the_gatekeeper_and_not_the_other_direction(
    bound, vestibule
):
    client, gatekeeper = await bound()
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


async def test_a_client_that_is_lost_is_lost_to_the_gatekeeper_too(bound):
    client, gatekeeper = await bound()
    await exchange(client, gatekeeper, LAST)
    client.cut()
    assert await gatekeeper.read_all() == b""


async def test_a_gatekeeper_that_is_lost_is_lost_to_the_client_too(bound):
    client, gatekeeper = await bound()
    await exchange(gatekeeper, client, LAST)
    gatekeeper.cut()
    assert await client.read_all() == b""


async def test_a_clients_closing_tag_is_passed_on_and_answered_by_the_gatekeeper(bound):
    client, gatekeeper = await bound()
    await exchange(client, gatekeeper, b"</stream:stream>")
    await gatekeeper.send(LAST + b"</stream:stream>")
    assert await client.read_all() == LAST + b"</stream:stream>"
    assert await gatekeeper.read_all() == b""


async def test_a_gatekeepers_stream_error_and_closing_tag_reach_the_client(bound):
    client, gatekeeper = await bound()
    error = b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    await gatekeeper.send(error)
    assert await client.read_until(b"</stream:stream>") == error


async def test_the_closing_tag_is_that_of_the_header_that_was_sent(bound):
    """Each side chose its own prefix."""
    header = (
        b"<s:stream to='scripted.example' version='1.0' xmlns='jabber:client'"
        b" xmlns:s='http://etherx.jabber.org/streams'>"
    )
    client, gatekeeper = await bound(header)
    await client.send(b"<message><!-- smuggled --></message>")
    assert (await client.read_all()).endswith(b"</stream:error></stream:stream>")
    assert await gatekeeper.read_all() == b"</s:stream>"


async def test_another_host_after_the_restart_is_refused(raw, scripted):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    await authenticate(client, gatekeeper)
    await client.send(stream_header(GATEKEEPER))
    assert b"<host-unknown " in await client.read_all()
    assert b"<stream:stream" not in await gatekeeper.read_all()


async def test_features_that_lead_around_the_proxy_are_not_offered(raw, scripted):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    detours = (
        b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        b"<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>"
    )
    await gatekeeper.send(SERVER_HEADER + MECHANISMS.replace(b"<mechanisms", detours + b"<mechanisms"))
    assert await client.read_until(b"</stream:features>") == SERVER_HEADER + MECHANISMS
