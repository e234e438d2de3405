"""The stream as bytes: however a client cuts it into records, and whatever lies between its stanzas."""

from names import PASSWORD
from raw import BIND, log_in, plain, stream_header

PING = b"<iq type='get' id='%b'><ping xmlns='urn:xmpp:ping'/></iq>"


async def ping(client, ident, send=None):
    await (send or client.send)(PING % ident)
    answer = await client.read_until(b"/>")
    assert b"type='result'" in answer and b"id='%b'" % ident in answer


async def test_a_session_sent_byte_by_byte_works_as_one_sent_whole(raw, accounts):
    client = await raw()
    bound = await log_in(client, accounts.jid("alice"), PASSWORD, send=client.send_byte_by_byte)
    assert b"/raw</jid>" in bound
    await ping(client, b"slow", send=client.send_byte_by_byte)


async def test_characters_cut_between_records_arrive_whole(raw, accounts):
    client = await raw()
    await log_in(client, accounts.jid("alice"), PASSWORD)
    address = (accounts.jid("alice") + "/raw").encode()
    body = "\u00e9\u6f22\U0001f600".encode()
    await client.send_byte_by_byte(b"<message to='%b' id='cut'><body>%b</body></message>" % (address, body))
    assert b"<body>%b</body>" % body in await client.read_until(b"</message>")


async def test_many_stanzas_in_one_record_are_all_answered(raw, accounts):
    client = await raw()
    await log_in(client, accounts.jid("alice"), PASSWORD)
    await client.send(b"".join(PING % b"p%d" % number for number in range(100)))
    for number in range(100):
        assert b"id='p%d'" % number in await client.read_until(b"/>")


async def test_white_space_between_stanzas_keeps_the_session_alive(raw, accounts):
    client = await raw()
    await log_in(client, accounts.jid("alice"), PASSWORD)
    for number, space in enumerate([b" ", b"\n", b"\r\n\t ", b" " * 1000]):
        await client.send(space)
        await ping(client, b"after-space-%d" % number)


async def test_a_closing_tag_is_answered_by_a_closing_tag_and_the_end(raw, accounts):
    client = await raw()
    await log_in(client, accounts.jid("alice"), PASSWORD)
    await ping(client, b"last")
    await client.send(b"</stream:stream>")
    assert await client.read_all() == b"</stream:stream>"


async def test_stanzas_before_the_closing_tag_are_still_answered(raw, accounts):
    client = await raw()
    await log_in(client, accounts.jid("alice"), PASSWORD)
    await client.send(PING % b"farewell" + b"</stream:stream>")
    rest = await client.read_all()
    assert b"id='farewell'" in rest and rest.endswith(b"</stream:stream>")


async def test_a_client_may_send_ahead_of_the_features(raw, accounts):
    client, jid = await raw(), accounts.jid("alice")
    user, host = jid.split("@")
    await client.send(stream_header(host) + plain(user, PASSWORD))
    await client.read_until(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    message = f"<message to='{jid}/raw' id='ahead'><body>ahead</body></message>".encode()
    await client.send(stream_header(host) + BIND + message + PING % b"ahead")
    received = await client.read_until(b"</iq>") + await client.read_until(b"</message>")
    assert b"/raw</jid>" in received and b"<body>ahead</body>" in received


async def test_any_spelling_of_the_stream_header_and_the_closing_tag_works(raw, accounts):
    client, jid = await raw(), accounts.jid("alice")
    user, host = jid.split("@")
    header = (
        f'\n<s:stream\txmlns:s="http://etherx.jabber.org/streams"\r\n xml:lang="en" version = "1.0"\n'
        f' xmlns="jabber:client" from="{jid}" to="{host}" >\n'
    ).encode()
    await client.send(header.lstrip())
    await client.read_until(b"</stream:features>")
    await client.send(plain(user, PASSWORD))
    await client.read_until(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    await client.send(header)
    await client.read_until(b"</stream:features>")
    await client.send(BIND)
    await client.read_until(b"</iq>")
    await client.send(b"</s:stream\n>")
    assert await client.read_all() == b"</stream:stream>"
