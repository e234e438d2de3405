"""A slixmpp client that keeps what it receives, so that a test can await it. No Vestibule in it, no assertions."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from names import DEADLINE


@dataclass(frozen=True)
class Door:
    """Where clients connect: a loopback port, the name they expect in its certificate, and who signed it."""

    port: int
    server_name: str
    authority: Path
    # Whether TLS is asked for in the stream (RFC 6120, 5), or begins with the connection.
    starttls: bool = False


class Client(slixmpp.ClientXMPP):
    def __init__(self, door, jid, password, plugins=(), **options):
        super().__init__(jid, password, **options)
        self.door = door
        # The name in SNI and in the certificate; the stream's `to` stays the JID's domain.
        self.default_domain = door.server_name
        self.ca_certs = door.authority
        self.enable_starttls = door.starttls
        self.enable_direct_tls = not door.starttls
        self.enable_plaintext = False
        for plugin in plugins:
            self.register_plugin(plugin)
        self.messages = asyncio.Queue()
        self.presences = asyncio.Queue()
        self.stream_errors = asyncio.Queue()
        self._keep("message", self.messages)
        self._keep("presence", self.presences)
        self.add_event_handler("stream_error", self.stream_errors.put_nowait)

    def _keep(self, name, queue):
        matcher = MatchXPath(f"{{jabber:client}}{name}")
        self.register_handler(Callback(f"Keep every {name}", matcher, queue.put_nowait))

    def dial(self):
        """Starts to connect."""
        return self.connect("127.0.0.1", self.door.port)

    async def login(self):
        """Connects and authenticates; a refused login is an error at once, not after the deadline."""
        started = asyncio.ensure_future(self.wait_until("session_start", DEADLINE))
        failed = asyncio.ensure_future(self.wait_until("failed_all_auth", DEADLINE))
        self.dial()
        try:
            await asyncio.wait({started, failed}, return_when=asyncio.FIRST_COMPLETED)
            if not started.done():
                raise PermissionError("the gatekeeper refused the login")
            return started.result()
        finally:
            started.cancel()
            failed.cancel()

    async def appear(self):
        """Sends available presence and waits until the server has reflected it."""
        self.send_presence()
        await self.presence(lambda presence: presence["from"] == self.boundjid)

    async def watch(self, contact):
        """Asks for a contact's presence; slixmpp approves by itself."""
        self.send_presence_subscription(pto=contact.boundjid.bare)

    async def message(self, wanted=lambda message: True):
        return await _next(self.messages, wanted)

    async def presence(self, wanted=lambda presence: True):
        return await _next(self.presences, wanted)

    async def request(self, payload, kind="get", to=None):
        """Sends an IQ with `payload` (an element or a string of XML) and gives the answer."""
        iq = self.make_iq(ito=to, itype=kind)
        iq.append(slixmpp.xmlstream.ET.fromstring(payload) if isinstance(payload, str) else payload)
        return await iq.send(timeout=DEADLINE)

    async def round_trip(self):
        """Waits until the server has handled all that was sent before."""
        await self.request("<ping xmlns='urn:xmpp:ping'/>", to=self.boundjid.host)

    def cut(self):
        """Loses the connection as a phone in a tunnel does: no closing tag, no TLS close, unsent bytes dropped."""
        self.transport.abort()

    async def leave(self):
        if self.is_connected():
            await self.disconnect()
        self.cancel_connection_attempt()
        if self._run_out_filters is not None:
            self._run_out_filters.cancel()


async def _next(queue, wanted):
    async with asyncio.timeout(DEADLINE):
        while True:
            stanza = await queue.get()
            if wanted(stanza):
                return stanza


async def befriend(one, other):
    """Each subscribes to the other's presence and sees it; both must have appeared. slixmpp approves by itself."""
    one.send_presence_subscription(pto=other.boundjid.bare)
    await asyncio.gather(
        one.presence(lambda presence: presence["from"] == other.boundjid and presence["type"] == "available"),
        other.presence(lambda presence: presence["from"] == one.boundjid and presence["type"] == "available"),
    )
