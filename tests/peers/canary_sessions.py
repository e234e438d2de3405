"""Whole sessions of the canaries, each played from both ends. Nothing here judges."""

import asyncio
import base64
import contextlib

from names import DISCO_INFO
from scripted import CLOSING

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
SASL2 = "urn:xmpp:sasl:2"
SUCCESS = f"<success xmlns='{SASL}'/>"
SIGNALS = "urn:x-vestibule:signals:0"
RESUMABLE = "urn:xmpp:sm:3"


def encoded(*parts):
    return base64.b64encode("\0".join(parts).encode()).decode()


class Session:
    """Both ends of one session."""

    def __init__(self, stage, client, gatekeeper=None):
        self.stage, self.client, self.gatekeeper = stage, client, gatekeeper

    async def up(self, text):
        """The client sends. What the gatekeeper gets of it is kept: it is told of clients by this way only."""
        self.stage.told["gatekeeper"] += await _pass(self.client, self.gatekeeper, text.encode())

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
    return await receiver.read_until(data[data.rindex(b"<") :])


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
    stage.told["gatekeeper"] += await session.gatekeeper.read_until(b"streams'>")
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
        f"<auth xmlns='{SASL}' mechanism='PLAIN'>"
        f"{encoded('', mark['sasl-message.user'], mark['sasl-message.password'])}</auth>"
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
        + "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        f"<sm xmlns='{RESUMABLE}'/></stream:features>"
    )
    await bind(session)
    return session


def jid(mark):
    return f"{mark['account.local']}@{mark['account.domain']}.example/{mark['resource.bound']}"


async def bind(session):
    mark = session.stage.canaries
    await session.up(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        f"<resource>{mark['requested-resource.iq']}</resource>"
        f"<signals xmlns='{SIGNALS}'><client-address>{mark['own-signals.element']}</client-address></signals></bind></iq>"
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
        f"<message {addressed} type='chat' xml:lang='{mark['payload.language'][:8]}'>"
        f"<subject>{mark['subject.text']}</subject><body>{mark['body.client']}</body>"
        f"<x xmlns='urn:x' a='{mark['payload.attribute']}'>{mark['payload.text']}</x></message>",
        f"<message {addressed} type='{mark['payload.attribute']}'/>",
        f"<message {addressed} xmlns:s='{SIGNALS}' s:a='{mark['own-signals.attribute']}'>"
        f"<s:signals>{mark['own-signals.element']}</s:signals></message>",
        f"<message {addressed}><p:{mark['element-name.element']} xmlns:p='urn:{mark['element-name.namespace']}'"
        f" {mark['element-name.attribute']}='1'/></message>",
        f"<message {addressed}><{mark['element-name.prefix']}:a"
        f" xmlns:{mark['element-name.prefix']}='urn:y'/></message>",
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
        "<x xmlns='jabber:x:data' type='result'>"
        f"<field var='FORM_TYPE' type='hidden'><value>urn:{mark['form.type']}</value></field>"
        f"<field var='{mark['form.field']}'><value>{mark['form.value']}</value></field></x>"
    )


def _authenticate(mark, message, more):
    return (
        f"<authenticate xmlns='{SASL2}' mechanism='HT-SHA-256-NONE'>"
        f"<initial-response>{encoded(message)}</initial-response>"
        f"<user-agent id='{mark['user-agent.id']}'><software>{mark['user-agent.software']}</software>"
        f"<device>{mark['user-agent.device']}</device></user-agent>{more}</authenticate>"
    )


def _success(mark, more):
    return (
        f"<success xmlns='{SASL2}'><additional-data>{encoded(mark['sasl-message.server-proof'])}</additional-data>"
        f"<authorization-identifier>{jid(mark)}</authorization-identifier>{more}</success>"
        "<stream:features></stream:features>"
    )


async def authenticate_at_once(stage, scripted):
    """SASL2 with a user agent, Bind 2, a session that is gone, and a token for the next time, in one step."""
    mark, session = stage.canaries, await greeted(stage, scripted)
    await session.up(
        _authenticate(
            mark,
            mark["sasl-message.initial"],
            f"<resume xmlns='{RESUMABLE}' h='1' previd='{mark['resumption-id.inline-failed']}'/>"
            f"<bind xmlns='urn:xmpp:bind:0'><tag>{mark['requested-resource.tag']}</tag>"
            f"<enable xmlns='{RESUMABLE}' resume='true'/></bind>"
            "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>",
        )
    )
    await session.down(
        _success(
            mark,
            f"<failed xmlns='{RESUMABLE}'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
            f"<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='{RESUMABLE}' resume='true'"
            f" id='{mark['resumption-id.inline-given']}'/></bound>"
            f"<token xmlns='urn:xmpp:fast:0' token='{mark['sasl-message.token']}'/>",
        )
    )
    await session.down(gatekeeper_stanzas(mark)[0])
    await session.close()


async def come_back_at_once(stage, scripted):
    """SASL2 with a token and a session of before, after a token that was refused."""
    mark, session = stage.canaries, await greeted(stage, scripted)
    request = _authenticate(
        mark,
        mark["sasl-message.hashed-token"],
        "<fast xmlns='urn:xmpp:fast:0' count='1'/>"
        f"<resume xmlns='{RESUMABLE}' h='1' previd='{mark['resumption-id.inline-taken']}'/>",
    )
    await session.up(request)
    await session.down(
        f"<failure xmlns='{SASL2}'><credentials-expired xmlns='{SASL}'/>"
        f"<text>{mark['sasl-message.inline-failure']}</text></failure>"
    )
    await session.up(request)
    await session.down(
        _success(
            mark,
            f"<resumed xmlns='{RESUMABLE}' h='1' previd='{mark['resumption-id.inline-taken']}'/>"
            f"<token xmlns='urn:xmpp:fast:0' token='{mark['sasl-message.replaced-token']}'/>",
        )
    )
    await session.down(gatekeeper_stanzas(mark)[0])
    await session.close()


async def resume(stage, scripted):
    """A session that is resumed, after one that could not be."""
    mark, session = stage.canaries, await greeted(stage, scripted)
    await session.up(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{encoded('', 'a', 'b')}</auth>")
    await session.down(SUCCESS)
    await session.up(client_header(stage))
    await session.down(gatekeeper_header(stage) + f"<stream:features><sm xmlns='{RESUMABLE}'/></stream:features>")
    await session.up(f"<resume xmlns='{RESUMABLE}' h='1' previd='{mark['resumption-id.failed']}'></resume>")
    await session.down(
        f"<failed xmlns='{RESUMABLE}'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
    )
    await session.up(f"<resume xmlns='{RESUMABLE}' h='1' previd='{mark['resumption-id.taken']}'></resume>")
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
