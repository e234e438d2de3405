"""One endpoint of a gatekeeper, as a process of its own, so that it can be killed, frozen and started again.

    endpoint.py ADDRESS PORT NAME CHAIN KEY [AUTHORITY]

It answers each stream header with a header whose id is `NAME from ADDRESS`, the peer's address, and with features, and
holds the connection until the peer ends it. With AUTHORITY it demands a client certificate. NAME `external` offers
EXTERNAL, `binding` channel binding that no proxy can serve.
"""

import asyncio
import contextlib
import ssl
import sys

FEATURES = {
    "external": "<mechanism>PLAIN</mechanism><mechanism>EXTERNAL</mechanism>",
    "binding": "<mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism>",
}
BINDINGS = {
    "binding": "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>"
    "</sasl-channel-binding>"
}


def answer(name, peer):
    mechanisms = FEATURES.get(name, "<mechanism>PLAIN</mechanism>")
    return (
        f"<?xml version='1.0'?><stream:stream from='scripted.example' id='{name} from {peer}' version='1.0'"
        " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        f"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{mechanisms}</mechanisms>"
        f"{BINDINGS.get(name, '')}</stream:features>"
    ).encode()


async def main(address, port, name, chain, key, authority=None):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.load_cert_chain(chain, key)
    if authority:
        context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while b"<stream:stream " not in await reader.readuntil(b">"):
                pass
            writer.write(answer(name, writer.get_extra_info("peername")[0]))
            await writer.drain()
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, address, int(port), ssl=context, reuse_address=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
