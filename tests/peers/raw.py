"""Either end of a stream as plain bytes over TLS: for what no XMPP library would send, or would hide.

`RawClient` connects to Vestibule; `RawGatekeeper` is what Vestibule connects to. Neither knows XML.
"""

import asyncio
import base64
import contextlib
import socket
import ssl

from names import DEADLINE, GATEKEEPER


class Connection:
    """One TLS connection, whoever opened it. `sent` counts the bytes of the stream."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.sent = 0

    @property
    def tls(self):
        return self.writer.get_extra_info("ssl_object")

    async def send(self, data):
        self.sent += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def send_byte_by_byte(self, data):
        """Each byte is a TLS record of its own."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(0)

    async def send_in_pieces(self, data):
        """Byte by byte if it is short, otherwise in pieces of a prime length, until the other end has had enough."""
        with contextlib.suppress(ConnectionResetError):
            if len(data) <= 256:
                await self.send_byte_by_byte(data)
                return
            for start in range(0, len(data), 1021):
                await self.send(data[start : start + 1021])

    async def read_until(self, end):
        """What arrives up to and with `end`; an error when the connection ends before."""
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readuntil(end)

    async def read_exactly(self, count):
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readexactly(count)

    async def read_all(self):
        """What arrives until the other end closes the connection, which it must."""
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read()

    def leave(self):
        """Closes TLS, after all that was sent; the stream is not closed."""
        self.writer.close()

    def cut(self):
        """Loses the connection: no closing tag, no TLS close."""
        self.writer.transport.abort()


class RawClient(Connection):
    @classmethod
    async def open(
        cls, door, server_name=None, alpn=("xmpp-client",), version=None, to="127.0.0.1", header=b"", source="127.0.0.1"
    ):
        """`header` comes before TLS; `source` is the address that the connection comes from."""
        context = ssl.create_default_context(cafile=door.authority)
        if alpn:
            context.set_alpn_protocols(alpn)
        if version:
            context.minimum_version = context.maximum_version = version
        name = server_name or door.server_name
        reader, writer = await asyncio.open_connection(to, door.port, local_addr=(source, 0))
        writer.write(header)
        await writer.start_tls(context, server_hostname=name)
        return cls(reader, writer)

    @classmethod
    async def open_plain(cls, door):
        """Without TLS, which `begin_tls` may follow."""
        return cls(*await asyncio.open_connection("127.0.0.1", door.port))

    async def begin_tls(self, door, server_name=None):
        context = ssl.create_default_context(cafile=door.authority)
        await self.writer.start_tls(context, server_hostname=server_name or door.server_name)


class RawGatekeeper:
    """Listens; a test takes the connections one by one and plays the gatekeeper on each."""

    def __init__(self, server, connections):
        self.server = server
        self.port = server.sockets[0].getsockname()[1]
        self.connections = connections

    @classmethod
    async def listen(cls, port, context):
        return await cls.listen_on(socket.create_server(("127.0.0.1", port)), context)

    @classmethod
    async def listen_on(cls, listener, context):
        connections = asyncio.Queue()

        def keep(reader, writer):
            connections.put_nowait(Connection(reader, writer))

        return cls(await asyncio.start_server(keep, sock=listener, ssl=context), connections)

    async def accept(self):
        async with asyncio.timeout(DEADLINE):
            return await self.connections.get()

    def close(self):
        self.server.close()


def stream_header(to=GATEKEEPER):
    addressed = f" to='{to}'" if to is not None else ""
    return (
        f"<?xml version='1.0'?><stream:stream{addressed} version='1.0' xmlns='jabber:client'"
        " xmlns:stream='http://etherx.jabber.org/streams'>"
    ).encode()


def plain(user, password):
    """A SASL PLAIN request, RFC 4616."""
    response = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    return f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{response}</auth>".encode()


BIND = (
    b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    b"<resource>raw</resource></bind></iq>"
)


async def log_in(client, jid, password, send=None):
    """SASL PLAIN, the restart after it, and resource binding; `send` is how bytes are sent."""
    send = send or client.send
    user, host = jid.split("@")
    await send(stream_header(host))
    await client.read_until(b"</stream:features>")
    await send(plain(user, password))
    await client.read_until(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    await send(stream_header(host))
    await client.read_until(b"</stream:features>")
    await send(BIND)
    return await client.read_until(b"</iq>")
