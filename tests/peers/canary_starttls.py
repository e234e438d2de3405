"""What the canaries' clients and gatekeepers say before TLS, with STARTTLS. Nothing here judges."""

import asyncio
import contextlib

from canary_sessions import Session, client_header, encoded, gatekeeper_header
from raw import RawGatekeeper

TLS = "urn:ietf:params:xml:ns:xmpp-tls"
STARTTLS = f"<starttls xmlns='{TLS}'/>"
PROCEED = f"<proceed xmlns='{TLS}'/>"
OFFER = f"<stream:features><starttls xmlns='{TLS}'/></stream:features>"


def client_header_in_the_clear(stage, upstream="plain-scripted"):
    mark = stage.canaries
    return (
        f"<?xml version='1.0'?><stream:stream to='{stage.to(upstream)}' version='1.0' xmlns='jabber:client'"
        f" from='{mark['stream-header.from-in-the-clear']}@client.example'"
        f" {mark['stream-header.in-the-clear']}='{mark['stream-header.in-the-clear']}'"
        " xmlns:stream='http://etherx.jabber.org/streams'>"
    )


def gatekeeper_header_in_the_clear(stage):
    mark = stage.canaries
    return (
        f"<?xml version='1.0'?><stream:stream from='{mark['stream-header.gatekeeper-in-the-clear']}.example'"
        f" id='{mark['stream-header.gatekeeper-in-the-clear']}' version='1.0' xmlns='jabber:client'"
        " xmlns:stream='http://etherx.jabber.org/streams'>"
    )


def element(mark, place):
    return f"<{mark[place]} xmlns='urn:{mark[place]}' {mark[place]}='{mark[place]}'>{mark[place]}</{mark[place]}>"


async def proceed(stage):
    """A client for whom TLS may begin."""
    client = await stage.connect_plainly()
    await client.send(client_header_in_the_clear(stage).encode())
    stage.told["errors"] += await client.read_until(b"</stream:features>")
    await client.send(STARTTLS.encode())
    stage.told["errors"] += await client.read_until(b"/>")
    return client


async def come_by_starttls(stage):
    """A session with STARTTLS on both legs, to the closing of its streams."""
    scripted = await RawGatekeeper.listen(stage.ports["plain-scripted"], None)
    client = await proceed(stage)
    await stage.begin_tls(client)
    await client.send(client_header(stage, "plain-scripted").encode())
    gatekeeper = await scripted.accept()
    stage.told["errors"] += await gatekeeper.read_until(b"version='1.0'>")
    features = f"<stream:features>{element(stage.canaries, 'element-name.gatekeeper-in-the-clear')}"
    offer = OFFER.replace("<stream:features>", features)
    await gatekeeper.send((gatekeeper_header_in_the_clear(stage) + offer).encode())
    stage.told["errors"] += await gatekeeper.read_until(STARTTLS.encode())
    await gatekeeper.send(PROCEED.encode())
    await gatekeeper.writer.start_tls(stage.tls["scripted"])
    session = Session(stage, client, gatekeeper)
    stage.told["gatekeeper"] += await gatekeeper.read_until(b"streams'>")
    await session.down(gatekeeper_header(stage))
    await session.close()
    scripted.close()


async def be_refused_in_the_clear(stage):
    """Clients that say before TLS what has no place there, or leave."""
    mark = stage.canaries
    header = client_header_in_the_clear(stage)
    stanza = f"<message><body>{mark['body.injected']}</body></message>"
    strange = element(mark, "element-name.in-the-clear")
    auth = encoded("", mark["sasl-message.user"], mark["sasl-message.password"])
    unknown = f"{mark['requested-host.in-the-clear']}.example"
    for said in [
        header.replace(stage.to("plain-scripted"), unknown),
        header.replace(" to=", " x-to="),
        header.replace("version='1.0' ", f"version='{mark['stream-header.in-the-clear']}' "),
        header.replace("jabber:client", f"urn:{mark['element-name.in-the-clear']}"),
        header + stanza,
        header + strange,
        header + strange[:-1] + " " * 20_000,
        header + " " * 20_000 + strange,
        header + f"<!-- {mark['body.injected']} -->",
        header + f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>",
        header + STARTTLS + stanza,
        header + STARTTLS + strange,
        mark["tls-hello.garbage"],
        header + strange[:30],
    ]:
        client = await stage.connect_plainly()
        with contextlib.suppress(ConnectionError):
            await client.send(said.encode())
            client.writer.write_eof()
            await stage.hear(client)
        client.cut()
    client = await proceed(stage)
    await client.send(stanza.encode())
    await stage.hear(client)
    client.cut()


async def find_no_tls(stage):
    """Gatekeepers that do not come to TLS."""
    mark = stage.canaries
    plain = await RawGatekeeper.listen(stage.ports["plain"], None)
    header, strange = gatekeeper_header_in_the_clear(stage), element(mark, "element-name.gatekeeper-in-the-clear")
    condition = "<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    text = f"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{mark['error-text.in-the-clear']}</text>"
    for said in [
        header + f"<stream:features>{strange}</stream:features>",
        header + f"<stream:error>{condition}{text}</stream:error>",
        header + OFFER + f"<failure xmlns='{TLS}'>{strange}</failure>",
        header + OFFER + PROCEED + strange,
        header + OFFER + strange,
        header + f"<!-- {mark['error-text.in-the-clear']} -->",
        mark["tls-hello.gatekeeper-garbage"],
    ]:
        client = await stage.connect()
        await client.send(client_header(stage, "plain").encode())
        gatekeeper = await plain.accept()
        stage.told["errors"] += await gatekeeper.read_until(b"version='1.0'>")
        await gatekeeper.send(said.encode())
        await asyncio.gather(stage.hear(gatekeeper), stage.hear(client))
        gatekeeper.cut()
        client.cut()
    plain.close()


async def run_out_of_time_in_the_clear(stage):
    """A client that says the half of it; on a stage with low limits."""
    client = await stage.connect_plainly()
    await client.send(client_header_in_the_clear(stage)[:120].encode())
    await stage.hear(client)
    client.cut()
