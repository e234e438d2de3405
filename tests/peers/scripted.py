"""What the gatekeeper says that a test plays itself, and the way of a session up to a bound resource."""

from hostile import CONDITIONS
from names import SCRIPTED, STREAMS
from raw import BIND, plain, stream_header

SERVER_HEADER = (
    b"<?xml version='1.0'?><stream:stream from='scripted.example' id='s1' version='1.0' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>"
)
# The gatekeeper's limits are those that Vestibule says in their place (policies/limits/default.yaml), so that the features
# pass as they are.
MECHANISMS = (
    b"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
    b"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>8192</max-bytes><idle-seconds>60</idle-seconds></limits>"
    b"</stream:features>"
)
SUCCESS = b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
BINDING = (
    b"<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
    b"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes><idle-seconds>900</idle-seconds></limits>"
    b"</stream:features>"
)
BOUND = (
    b"<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
    b"<jid>alice@scripted.example/raw</jid></bind></iq>"
)

CLOSING = b"</stream:stream>"


def stream_error(kind):
    """What Vestibule says last to the side whose stream the gate refused."""
    condition = CONDITIONS.get(kind, "not-well-formed")
    detail = "<stanza-too-big xmlns='urn:xmpp:errors'/>" if kind == "stanza-too-big" else ""
    return (
        f"<stream:error xmlns:stream='{STREAMS}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>{detail}"
        "</stream:error></stream:stream>"
    ).encode()


async def exchange(sender, receiver, data):
    """`data` and nothing else arrives."""
    await sender.send(data)
    assert await receiver.read_until(data[-1:] if len(data) < 2 else data) == data


async def greet(client, scripted, header=stream_header(SCRIPTED)):
    """Takes the client's header to the gatekeeper, and gives the gatekeeper's end of the session."""
    await client.send(header)
    gatekeeper = await scripted.accept()
    assert await gatekeeper.read_until(header) == header
    return gatekeeper


async def authenticate(client, gatekeeper):
    """From the gatekeeper's header to the end of SASL. Each step's bytes must pass unchanged."""
    await exchange(gatekeeper, client, SERVER_HEADER + MECHANISMS)
    await exchange(client, gatekeeper, plain("alice", "secret"))
    await exchange(gatekeeper, client, SUCCESS)


async def bind(client, gatekeeper, header=stream_header(SCRIPTED)):
    """From the client's second header to a bound resource. Each step's bytes must pass unchanged."""
    await exchange(client, gatekeeper, header)
    await exchange(gatekeeper, client, SERVER_HEADER + BINDING)
    await exchange(client, gatekeeper, BIND)
    await exchange(gatekeeper, client, BOUND)
