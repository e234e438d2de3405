"""The names that the gatekeeper, Vestibule and the clients agree on. Nothing here runs."""

# The gatekeeper's hosts: one for each carrier of the content types, one that also offers SASL2 with Bind 2.
GATEKEEPER = "gatekeeper.example"
PRESENCE_CARRIER = "presence.gatekeeper.example"
SASL2 = "sasl2.gatekeeper.example"
ROOMS = "rooms.gatekeeper.example"

# Hosts that Vestibule is configured for, but whose gatekeeper cannot be trusted or reached.
UNTRUSTED = "untrusted.example"
UNREACHABLE = "unreachable.example"

# A host whose gatekeeper the tests play themselves, byte by byte.
SCRIPTED = "scripted.example"

# The provider's own name, which clients send as SNI: it has no certificate for the gatekeeper's names.
INTEROP = "interop.provider.example"

# Another host, and the only SNI name under which it may be asked for.
ELSEWHERE = "elsewhere.example"
ELSEWHERE_NAME = "elsewhere.provider.example"

# Every account has it.
PASSWORD = "open sesame"

# How long anything may take before a test calls it lost, in seconds. Only failing tests wait this long.
DEADLINE = 60

CONTENT_TYPES = "urn:x-vestibule:content-types:0"
STREAMS = "http://etherx.jabber.org/streams"
