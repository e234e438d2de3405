"""What peers do with the canaries: whole sessions, and every way in which one fails. Nothing here judges.

A session is played from both ends. Whatever Vestibule itself says to the side that erred is kept by the stage.
"""

import asyncio
import base64
import contextlib
import socket
import ssl

from canary_stage import MAX_CONNECTIONS
from hostile import AT_START, IN_STREAM, ONE_OF_EACH_KIND
from names import DISCO_INFO
from raw import stream_header
from scripted import CLOSING, MECHANISMS

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
SASL2 = "urn:xmpp:sasl:2"
SUCCESS = f"<success xmlns='{SASL}'/>"
RESUMABLE = "urn:xmpp:sm:3"


def encoded(*parts):
    return base64.b64encode("\0".join(parts).encode()).decode()


class Session:
    """Both ends of one session."""

    def __init__(self, stage, client, gatekeeper=None):
        self.stage, self.client, self.gatekeeper = stage, client, gatekeeper

    async def up(self, text):
        """The client sends; it ends as it was sent, whatever is edited before."""
        await _pass(self.client, self.gatekeeper, text.encode())

    async def down(self, text):
        """The gatekeeper sends."""
        await _pass(self.gatekeeper, self.client, text.encode())

    async def close(self):
        await self.up("</stream:stream>")
        await self.down("</stream:stream>")
        await asyncio.gather(self.client.read_all(), self.gatekeeper.read_all())
        self.cut()

    async def fail(self, sender, data):
        """One side sends what ends the session; both hear what Vestibule says to that."""
        with contextlib.suppress(ConnectionError):
            await sender.send(data)
        await asyncio.gather(self.stage.hear(self.client), self.stage.hear(self.gatekeeper))
        self.cut()

    def cut(self):
        self.client.cut()
        if self.gatekeeper:
            self.gatekeeper.cut()


async def _pass(sender, receiver, data):
    await sender.send(data)
    # Its last tag is left as it is, whatever Vestibule edits before.
    await receiver.read_until(data[data.rindex(b"<") :])


def client_header(stage, upstream="scripted"):
    mark = stage.canaries
    return (
        f"<?xml version='1.0'?><stream:stream to='{stage.to(upstream)}' version='1.0' xmlns='jabber:client'"
        f" from='{mark['stream-header.from']}@client.example' xml:lang='{mark['stream-header.language'][:8]}'"
        f" {mark['stream-header.attribute']}='{mark['stream-header.attribute']}'"
        f" xmlns:stream='http://etherx.jabber.org/streams'>"
    )


def gatekeeper_header(stage):
    mark = stage.canaries
    return (
        f"<?xml version='1.0'?><stream:stream from='{stage.to()}' id='{mark['stream-header.id']}' version='1.0'"
        f" xml:lang='{mark['stream-header.gatekeeper-language'][:8]}' xmlns='jabber:client'"
        " xmlns:stream='http://etherx.jabber.org/streams'>"
    )


async def greeted(stage, scripted):
    """A session whose streams are open."""
    session = Session(stage, await stage.connect())
    header = client_header(stage)
    await session.client.send(header.encode())
    session.gatekeeper = await scripted.accept()
    await session.gatekeeper.read_until(b"streams'>")
    offered = stage.canaries["sasl-mechanism.offered"]
    await session.down(
        gatekeeper_header(stage)
        + f"<stream:features><mechanisms xmlns='{SASL}'><mechanism>PLAIN</mechanism><mechanism>{offered}</mechanism>"
        "</mechanisms></stream:features>"
    )
    return session


async def bound(stage, scripted):
    """A session with a bound resource, after passwords and tokens of several kinds."""
    mark, session = stage.canaries, await greeted(stage, scripted)
    await session.up(
        f"<auth xmlns='{SASL}' mechanism='PLAIN'>{encoded('', mark['sasl-message.user'], mark['sasl-message.password'])}</auth>"
    )
    await session.down(
        f"<failure xmlns='{SASL}'><not-authorized/><text xml:lang='en'>{mark['sasl-message.failure']}</text></failure>"
    )
    bearer = encoded(f"n,a={mark['sasl-message.user']}@x.example,\1auth=Bearer {mark['sasl-message.bearer']}\1\1")
    await session.up(f"<auth xmlns='{SASL}' mechanism='{mark['sasl-mechanism.chosen'].upper()[:20]}'>{bearer}</auth>")
    await session.down(f"<challenge xmlns='{SASL}'>{encoded(mark['sasl-message.challenge'])}</challenge>")
    await session.up(f"<response xmlns='{SASL}'>{encoded(mark['sasl-message.response'])}</response>")
    await session.down(f"<success xmlns='{SASL}'>{encoded(mark['sasl-message.additional'])}</success>")
    await session.up(client_header(stage))
    await session.down(
        gatekeeper_header(stage)
        + f"<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='{RESUMABLE}'/></stream:features>"
    )
    await bind(session)
    return session


def jid(mark):
    return f"{mark['account.local']}@{mark['account.domain']}.example/{mark['resource.bound']}"


async def bind(session):
    mark = session.stage.canaries
    await session.up(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        f"<resource>{mark['requested-resource.iq']}</resource></bind></iq>"
    )
    await session.down(
        "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        f"<jid>{jid(mark)}</jid></bind></iq>"
    )


async def converse(stage, scripted):
    """All kinds of stanzas, both ways."""
    mark, session = stage.canaries, await bound(stage, scripted)
    await session.up(f"<enable xmlns='{RESUMABLE}' resume='true'/>")
    await session.down(f"<enabled xmlns='{RESUMABLE}' id='{mark['resumption-id.given']}' resume='true'/>")
    for stanza in client_stanzas(mark):
        await session.up(stanza)
    for stanza in gatekeeper_stanzas(mark):
        await session.down(stanza)
    await session.close()


def client_stanzas(mark):
    addressed = (
        f"id='{mark['stanza-id.client']}' to='{mark['to.client']}@{mark['to.client']}.example/{mark['to.client']}'"
        f" from='{mark['from.client']}@{mark['from.client']}.example'"
    )
    return [
        f"<presence {addressed}><status>{mark['presence-status.status']}</status>"
        f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://{mark['capabilities.node']}.example'"
        f" ver='{encoded(mark['capabilities.hash'])}'/></presence>",
        f"<message {addressed} type='chat' xml:lang='{mark['payload.language'][:8]}'><subject>{mark['subject.text']}</subject>"
        f"<body>{mark['body.client']}</body><x xmlns='urn:x' a='{mark['payload.attribute']}'>{mark['payload.text']}</x></message>",
        f"<message {addressed} type='{mark['payload.attribute']}'/>",
        f"<message {addressed}><p:{mark['element-name.element']} xmlns:p='urn:{mark['element-name.namespace']}'"
        f" {mark['element-name.attribute']}='1'/></message>",
        f"<message {addressed}><{mark['element-name.prefix']}:a xmlns:{mark['element-name.prefix']}='urn:y'/></message>",
        f"<iq {addressed} type='result'><query xmlns='{DISCO_INFO}' node='http://{mark['capabilities.node']}.example'>"
        f"<identity category='client' type='phone' name='{mark['capabilities.identity']}'/>"
        f"<feature var='urn:{mark['capabilities.feature']}'/>{_form(mark)}</query></iq>",
        f"<message {addressed} type='error'><error type='cancel'>"
        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        f"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>{mark['error-text.stanza']}</text></error></message>",
    ]


def gatekeeper_stanzas(mark):
    addressed = (
        f"id='{mark['stanza-id.gatekeeper']}' to='{mark['to.gatekeeper']}@{mark['to.gatekeeper']}.example'"
        f" from='{mark['from.gatekeeper']}@{mark['from.gatekeeper']}.example/{mark['from.gatekeeper']}'"
    )
    return [
        f"<message {addressed} type='chat'><body>{mark['body.gatekeeper']}</body></message>",
        # Vestibule replaces it by a text: the client cannot receive a picture of this type.
        f"<message {addressed} type='chat'><image xmlns='urn:x-vestibule:content:0' type='image/{mark['content.type']}'"
        f" size='4711'>{mark['body.gatekeeper']}</image></message>",
        f"<iq {addressed} type='get'><query xmlns='{DISCO_INFO}' node='{mark['capabilities.node']}'/></iq>",
        f"<presence {addressed} type='unavailable'><status>{mark['presence-status.status']}</status></presence>",
    ]


def _form(mark):
    return (
        f"<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:{mark['form.type']}</value>"
        f"</field><field var='{mark['form.field']}'><value>{mark['form.value']}</value></field></x>"
    )


async def authenticate_at_once(stage, scripted):
    """SASL2 with a token, a user agent and Bind 2 in one step."""
    mark, session = stage.canaries, await greeted(stage, scripted)
    await session.up(
        f"<authenticate xmlns='{SASL2}' mechanism='HT-SHA-256-NONE'>"
        f"<initial-response>{encoded(mark['sasl-message.initial'])}</initial-response>"
        f"<user-agent id='{mark['user-agent.id']}'><software>{mark['user-agent.software']}</software>"
        f"<device>{mark['user-agent.device']}</device></user-agent><fast xmlns='urn:xmpp:fast:0' count='1'/>"
        f"<bind xmlns='urn:xmpp:bind:0'><tag>{mark['requested-resource.tag']}</tag></bind></authenticate>"
    )
    await session.down(
        f"<success xmlns='{SASL2}'><authorization-identifier>{jid(mark)}</authorization-identifier>"
        f"<bound xmlns='urn:xmpp:bind:0'/><token xmlns='urn:xmpp:fast:0' token='{mark['sasl-message.token']}'/></success>"
    )
    await session.down("<stream:features/>")
    await session.down(gatekeeper_stanzas(mark)[0])
    await session.close()


async def resume(stage, scripted):
    """A session that is resumed, after one that could not be."""
    mark, session = stage.canaries, await greeted(stage, scripted)
    await session.up(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{encoded('', 'a', 'b')}</auth>")
    await session.down(SUCCESS)
    await session.up(client_header(stage))
    await session.down(gatekeeper_header(stage) + f"<stream:features><sm xmlns='{RESUMABLE}'/></stream:features>")
    await session.up(f"<resume xmlns='{RESUMABLE}' h='1' previd='{mark['resumption-id.failed']}'/>")
    await session.down(
        f"<failed xmlns='{RESUMABLE}'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    )
    await session.up(f"<resume xmlns='{RESUMABLE}' h='1' previd='{mark['resumption-id.taken']}'/>")
    await session.down(f"<resumed xmlns='{RESUMABLE}' h='1' previd='{mark['resumption-id.taken']}'/>")
    await session.down(gatekeeper_stanzas(mark)[0])
    await session.close()


async def end_with_errors(stage, scripted):
    """Each side ends its stream with an error and a text."""
    mark = stage.canaries
    for side in ["client", "gatekeeper"]:
        session = await bound(stage, scripted)
        sender = getattr(session, side)
        await sender.send(
            "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            f"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{mark[f'error-text.{side}-stream']}</text>"
            "</stream:error></stream:stream>".encode()
        )
        receiver = session.gatekeeper if side == "client" else session.client
        await receiver.read_until(CLOSING)
        receiver.leave()
        await sender.read_all()
        session.cut()


def marked(row, mark):
    """What the gate refuses, with markers in it, before it and behind it."""
    sent = row.sent.replace(b"message", mark["element-name.element"].encode())
    sent = sent.replace(b"body", mark["element-name.attribute"].encode())
    good = f"<message id='{mark['stanza-id.refused']}'><body>{mark['body.refused']}</body></message>".encode()
    return sent, good


async def be_refused_in_a_stream(stage, scripted, whole):
    """The gate's refusals in both directions."""
    for row in IN_STREAM if whole else ONE_OF_EACH_KIND:
        for side in ["client", "gatekeeper"]:
            session = await bound(stage, scripted)
            sent, good = marked(row, stage.canaries)
            sender, receiver = session.client, session.gatekeeper
            if side == "gatekeeper":
                sender, receiver = receiver, sender
            await sender.send(good)
            await receiver.read_until(b"</message>")
            await session.fail(sender, sent + good)


async def be_refused_at_the_start(stage, scripted, whole):
    """The gate's refusals of stream headers, in both directions."""
    rows = AT_START if whole else list({row.kind: row for row in AT_START}.values())
    for row in rows:
        sent = row.sent.replace(b"scripted.example", stage.to().encode()) + marked(row, stage.canaries)[1]
        client = await stage.connect()
        with contextlib.suppress(ConnectionError):
            await client.send(sent)
        await stage.hear(client)
        client.cut()
        session = Session(stage, await stage.connect())
        await session.client.send(client_header(stage).encode())
        session.gatekeeper = await scripted.accept()
        await session.gatekeeper.read_until(b"streams'>")
        await session.fail(session.gatekeeper, sent)


async def be_refused_by_the_phases(stage, scripted):
    """What has no place where it stands; unknown hosts; too many elements before authentication."""
    mark = stage.canaries
    good = marked(AT_START[0], mark)[1]
    for header in [
        stream_header(f"{mark['requested-host.unknown']}.example"),
        stream_header(None),
        client_header(stage).replace("jabber:client", f"urn:{mark['element-name.namespace']}").encode(),
        client_header(stage).replace("version='1.0' ", f"version='{mark['stream-header.attribute']}' ").encode(),
    ]:
        client = await stage.connect()
        await client.send(header + good)
        await stage.hear(client)
        client.cut()
    auth = f"<auth xmlns='{SASL}' mechanism='PLAIN'>{encoded('', mark['sasl-message.user'], 'x')}</auth>"
    for early in [good, f"<{mark['element-name.element']} xmlns='urn:{mark['element-name.namespace']}'/>".encode()]:
        session = await greeted(stage, scripted)
        await session.fail(session.client, early)
    session = await greeted(stage, scripted)
    await session.client.send(auth.encode() * 40)
    # The gatekeeper gets those that were not too many.
    await asyncio.gather(stage.hear(session.client), session.gatekeeper.read_all())
    session.cut()
    for other in [f"{mark['requested-host.other']}.example", stage.to("closing")]:
        session = await greeted(stage, scripted)
        await session.up(auth)
        await session.down(SUCCESS)
        await session.fail(session.client, stream_header(other))


async def shake_hands_badly(stage):
    """Everything that can go wrong before there is a stream."""
    mark = stage.canaries
    garbage = mark["tls-hello.garbage"].encode() * 20
    for start in [garbage, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + garbage, b"\x16\x03\x01\xff\xff" + garbage]:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(start)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            stage.told["errors"] += await reader.read()
        writer.close()
    for options in [
        {"server_name": f"{mark['sni.unknown']}.example"},
        {"alpn": []},
        {"ciphers": "AES128-SHA"},
        {"trusting": False},
    ]:
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            connection = await stage.connect(**options)
            # In TLS 1.3 a client may learn of a refusal with its first read only.
            await stage.hear(connection)
            connection.cut()
    # A hello that is whole, of a client that then goes.
    name = f"{mark['sni.unknown']}.example"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    with socket.create_connection(("127.0.0.1", stage.port)) as connection:
        connection.sendall(outgoing.read())


async def find_no_gatekeeper(stage):
    """Every way in which the gatekeeper is not reached, or is not one."""
    for upstream in ["untrusted", "misnamed", "closing", "babbling", "babbling-inside", "refusing"]:
        client = await stage.connect()
        await client.send(client_header(stage, upstream).encode())
        await stage.hear(client)
        client.cut()


async def lose_connections(stage, scripted):
    """Either side goes without a word, in the middle of a stanza."""
    begun = f"<message id='{stage.canaries['stanza-id.refused']}'><body>{stage.canaries['body.refused']}".encode()
    for side in ["client", "gatekeeper"]:
        session = await bound(stage, scripted)
        leaving, left = session.client, session.gatekeeper
        if side == "gatekeeper":
            leaving, left = left, leaving
        await leaving.send(begun)
        leaving.cut()
        await stage.hear(left)
        left.cut()


async def run_out_of_time(stage, scripted):
    """Handshake, header, authentication, silence, and a client that takes nothing; on a stage with low limits."""
    begun = marked(AT_START[0], stage.canaries)[1][:40]
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    client = await stage.connect()
    await client.send(client_header(stage)[:60].encode())
    slow, idle, stalled = [await step(stage, scripted) for step in (greeted, bound, bound)]
    await slow.client.send(begun)
    await idle.client.send(begun)
    stalled.client.reader._transport.pause_reading()
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(1):
            while True:
                await stalled.gatekeeper.send(gatekeeper_stanzas(stage.canaries)[0].encode() * 200)
    sessions = [session.fail(session.client, b"") for session in (slow, idle)]
    await asyncio.gather(stage.hear(client), reader.read(), *sessions)
    await stage.hear(stalled.gatekeeper)
    for connection in (client, stalled.client, stalled.gatekeeper):
        connection.cut()
    writer.close()


async def be_too_many(stage, scripted):
    """More stanzas than the rate allows, more connections than there may be; on a stage with low limits."""
    session = await bound(stage, scripted)
    await session.up(client_stanzas(stage.canaries)[1] * 20)
    await session.close()
    crowd = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(MAX_CONNECTIONS + 2)]
    await asyncio.gather(*(reader.read() for reader, _ in crowd))
    for _, writer in crowd:
        writer.close()


def look_at_the_admin_pages(stage):
    """Every page, and requests for what there is not."""
    mark = stage.canaries
    stage.ask("metrics", "GET", f"/metrics?{mark['admin.query']}", {"X-Canary": mark["admin.header"]}.items())
    stage.ask("status", "GET", f"/status?{mark['admin.query']}")
    for method, path in [
        ("GET", "/live"),
        ("GET", "/ready"),
        ("GET", f"/{mark['admin.path']}"),
        ("GET", f"/metrics/{mark['admin.path']}"),
        ("POST", f"/status?{mark['admin.query']}"),
        (mark["admin.method"].upper(), "/metrics"),
        ("GET", "/" + mark["admin.path"] * 2000),
    ]:
        stage.ask("admin", method, path, {"X-Canary": mark["admin.header"], "Cookie": mark["admin.header"]}.items())
    garbage = mark["admin.garbage"].encode()
    for request in [garbage, b"GET / HTTP/9.9\r\n" + garbage + b"\r\n\r\n", b"GET /%zz" + garbage + b" HTTP/1.1\r\n: \r\n\r\n"]:
        stage.babble(request)
