"""Every way in which the canaries' sessions fail, and the requests to the admin server. Nothing here judges.

Whatever Vestibule itself says to the side that erred is kept by the stage.
"""

import asyncio
import contextlib
import socket
import ssl

from canary_sessions import (
    SASL,
    SUCCESS,
    Session,
    bound,
    client_header,
    client_stanzas,
    encoded,
    gatekeeper_stanzas,
    greeted,
)
from canary_stage import AT_ONCE, BALANCER, BURST, CLIENT, FAILURES, MAX_CONNECTIONS, UPSTREAMS
from hostile import AT_START, IN_STREAM, ONE_OF_EACH_KIND
from proxy_header import LOCAL, tlv, unix, v2
from raw import stream_header


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
    # No TLS, half a hello, a record that is too long.
    for start in [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16\x03\x01\xff\xff"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(start + garbage)
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


async def be_introduced_badly(stage):
    """Headers of balancers that are none, and balancers that are not trusted or speak for themselves."""
    mark = stage.canaries
    refused, line = mark["proxy-header.refused"].encode(), mark["proxy-header.line"].encode()
    for header, address in [
        (v2(CLIENT, 1, tlv(0x03, refused[:4]) + tlv(0xE0, refused)), BALANCER),
        (v2(CLIENT, 1, tlv(0xE0, refused) + b"\xe0\xff\xff"), BALANCER),
        (b"PROXY TCP4 %b 198.51.100.2 1 2\r\n" % line, BALANCER),
        (b"PROXY %b" % line, BALANCER),
        (line * 2, BALANCER),
        (stage.header(), "127.0.0.9"),
        # What follows is no TLS. A balancer that does not know its client is not told of in its place.
        (b"PROXY UNKNOWN %b\r\n%b" % (line, refused), BALANCER),
        (unix(mark["proxy-header.unix"].encode()) + refused, BALANCER),
        # A balancer that speaks for itself is a client, and its address that of one.
        (LOCAL + refused, "127.0.0.1"),
        # A health check.
        (LOCAL, BALANCER),
    ]:
        reader, writer = await stage.balancer(header, address)
        with contextlib.suppress(OSError):
            writer.write_eof()
            stage.told["errors"] += await reader.read()
        writer.close()


async def find_no_gatekeeper(stage):
    """Every way in which the gatekeeper is not reached, or is not one."""
    for upstream in [name for name in UPSTREAMS if name != "scripted"]:
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
    silent, balancer = await stage.balancer(stage.header()[:-1])
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
    await asyncio.gather(stage.hear(client), reader.read(), silent.read(), *sessions)
    await stage.hear(stalled.gatekeeper)
    for connection in (client, stalled.client, stalled.gatekeeper):
        connection.cut()
    writer.close()
    balancer.close()


async def be_too_many(stage, scripted):
    """More stanzas than the rate allows, more connections than one address or all may have; with low limits."""
    session = await bound(stage, scripted)
    await session.up(client_stanzas(stage.canaries)[1] * 20)
    await session.close()
    await crowd(stage, ["127.0.0.2"] * (AT_ONCE + 2))
    # No address has more than it may have, but all of them do.
    await crowd(stage, [f"127.0.0.{3 + number // AT_ONCE}" for number in range(MAX_CONNECTIONS + 2)])


async def crowd(stage, sources):
    """Connections at one time, from these addresses, that say nothing until Vestibule ends them."""
    connections = [await knock(stage, source) for source in sources]
    await asyncio.gather(*(reader.read() for reader, _ in connections))
    for _, writer in connections:
        writer.close()


async def knock(stage, source):
    return await asyncio.open_connection("127.0.0.1", stage.port, local_addr=(source, 0))


async def come_too_often(stage):
    """One address opens connections without a pause, each when the one before has ended; on a stage with low limits."""
    # Also a slow machine opens more of them than the address gets back meanwhile.
    for _ in range(3 * BURST):
        reader, writer = await knock(stage, "127.0.0.5")
        with contextlib.suppress(OSError):
            writer.write_eof()
            await reader.read()
        writer.close()


async def guess_passwords(stage, scripted):
    """More of them fail than may from one address, which then comes once more; on a stage with low limits."""
    session, guesses = await greeted(stage, scripted), 2 * FAILURES
    guess = f"<auth xmlns='{SASL}' mechanism='PLAIN'>{encoded('', stage.canaries['sasl-message.user'], 'x')}</auth>"
    for _ in range(guesses):
        await session.up(guess)
    refused = f"<failure xmlns='{SASL}'><not-authorized/></failure>".encode()
    await session.fail(session.gatekeeper, refused * guesses)
    reader, writer = await stage.balancer(stage.header())
    await reader.read()
    writer.close()


def look_at_the_admin_pages(stage):
    """Every page, and requests for what there is not."""
    mark = stage.canaries
    stage.ask("metrics", "GET", f"/metrics?{mark['admin.query']}", {"X-Canary": mark["admin.header"]}.items())
    stage.ask("status", "GET", f"/status?{mark['admin.query']}")
    stage.ask("status", "GET", f"/status?{mark['admin.query']}", [("Accept", f"text/html, {mark['admin.header']}")])
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
    for request in [b"%b", b"GET / HTTP/9.9\r\n%b\r\n\r\n", b"GET /%%zz%b HTTP/1.1\r\n: \r\n\r\n"]:
        stage.babble(request % garbage)
