"""Clients that believe a contact's entity capabilities only if the hash is true: the plug-in of slixmpp for XEP-0115,
and aioxmpp for XEP-0115 or XEP-0390. What they verify is their own code's judgement, not the tests'.
"""

import asyncio
import contextlib
from typing import NamedTuple

import aioxmpp
import aioxmpp.connector
import aioxmpp.dispatcher
import aioxmpp.security_layer
import slixmpp
from aioxmpp.entitycaps import caps115, caps390

from capabilities import Capabilities
from client import Client
from names import DEADLINE


class Sighting(NamedTuple):
    """A contact's presence as it arrived, and the hashes in it: the `ver` of XEP-0115, those of XEP-0390 by name."""

    presence: object
    version: str | None
    hashes: dict


class SlixmppVerifier(Client):
    def __init__(self, *arguments, plugins=(), **options):
        super().__init__(*arguments, plugins=["xep_0030", "xep_0115", *plugins], **options)

    async def sees(self, contact, show):
        """Waits for a contact's presence that says `show`."""
        presence = await self.presence(
            lambda presence: presence["from"] == contact.boundjid and presence["show"] == show
        )
        return Sighting(presence, presence["caps"]["ver"] or None, {})

    async def verified(self, sighting):
        """What the hash of the presence stands for; None if the contact's answer has another one."""
        plugin = self.plugin["xep_0115"]
        await plugin._process_caps(sighting.presence)
        info = await plugin.get_caps(verstring=sighting.version)
        if info is None:
            return None
        forms = {}
        for form in info.xml.findall("{jabber:x:data}x"):
            fields = {
                field.get("var"): [value.text for value in field.findall("{jabber:x:data}value")]
                for field in form.findall("{jabber:x:data}field")
            }
            (kind,) = fields.pop("FORM_TYPE")
            forms[kind] = fields
        return Capabilities(set(info["features"]), forms)


class AioxmppVerifier:
    """A client on aioxmpp, which also announces its own capabilities, by both specifications."""

    def __init__(self, door, jid, password, features=()):
        # Its check of certificates does not work with today's pyOpenSSL; `test_tls.py` is about those.
        layer = aioxmpp.security_layer.make(password, no_verify=True)
        connector = aioxmpp.connector.XMPPOverTLSConnector()
        self.client = aioxmpp.Client(
            aioxmpp.JID.fromstr(jid), layer, override_peer=[("127.0.0.1", door.port, connector)]
        )
        self.service = self.client.summon(aioxmpp.EntityCapsService)
        for feature in features:
            self.client.summon(aioxmpp.DiscoServer).register_feature(feature)
        self.presences = asyncio.Queue()
        dispatcher = self.client.summon(aioxmpp.dispatcher.SimplePresenceDispatcher)
        dispatcher.register_callback(aioxmpp.PresenceType.AVAILABLE, None, self.presences.put_nowait)
        dispatcher.register_callback(aioxmpp.PresenceType.SUBSCRIBE, None, self._approve)
        self.connection = contextlib.AsyncExitStack()

    @property
    def boundjid(self):
        return slixmpp.JID(str(self.client.local_jid))

    async def login(self):
        async with asyncio.timeout(DEADLINE):
            await self.connection.enter_async_context(self.client.connected())

    async def appear(self):
        await self.announce(None)
        async with asyncio.timeout(DEADLINE):
            while str((await self.presences.get()).from_) != self.boundjid.full:
                pass

    async def announce(self, show):
        await self.client.send(
            aioxmpp.Presence(type_=aioxmpp.PresenceType.AVAILABLE, show=aioxmpp.PresenceShow(show))
        )

    async def watch(self, contact):
        bare = aioxmpp.JID.fromstr(contact.boundjid.bare)
        await self.client.send(aioxmpp.Presence(type_=aioxmpp.PresenceType.SUBSCRIBE, to=bare))

    def _approve(self, request):
        answer = aioxmpp.Presence(type_=aioxmpp.PresenceType.SUBSCRIBED, to=request.from_)
        self.client.enqueue(answer)

    async def sees(self, contact, show):
        async with asyncio.timeout(DEADLINE):
            while True:
                presence = await self.presences.get()
                if str(presence.from_) == contact.boundjid.full and presence.show.value == show:
                    return _sighting(presence)

    async def verified(self, sighting):
        """What every hash of the presence stands for; None if the contact's answer has another one for any."""
        presence, version, hashes = sighting
        keys = [caps390.Key(algorithm, digest) for algorithm, digest in hashes.items()]
        if version is not None:
            keys.append(caps115.Key(presence.xep0115_caps.hash_, f"{presence.xep0115_caps.node}#{version}"))
        assert keys, "the presence says nothing of capabilities"
        for key in keys:
            judgement = asyncio.Future()
            async with asyncio.timeout(DEADLINE):
                info = await self.service.query_and_cache(presence.from_, key, judgement)
            if judgement.exception() is not None:
                return None
        forms = {form.get_form_type(): _fields(form) for form in info.exts}
        return Capabilities(set(info.features), forms)

    async def leave(self):
        await self.connection.aclose()


def _sighting(presence):
    first, second = presence.xep0115_caps, presence.xep0390_caps
    return Sighting(presence, first and first.ver, dict(second.digests) if second else {})


def _fields(form):
    return {field.var: list(field.values) for field in form.fields if field.var != "FORM_TYPE"}
