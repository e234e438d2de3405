"""The names that the gatekeeper, Vestibule and the clients agree on. Nothing here runs."""

# Prosody's hosts: one for each carrier of the content types, one that also offers SASL2 with Bind 2, one whose clients
# are kept from what they cannot receive.
GATEKEEPER = "gatekeeper.example"
PRESENCE_CARRIER = "presence.gatekeeper.example"
DISCO_CARRIER = "disco.gatekeeper.example"
SASL2 = "sasl2.gatekeeper.example"
ENFORCING = "enforce.gatekeeper.example"
ROOMS = "rooms.gatekeeper.example"

# ejabberd's host. Its content types are carried as those of DISCO_CARRIER.
EJABBERD = "ejabberd.gatekeeper.example"

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

DISCO_INFO = "http://jabber.org/protocol/disco#info"
CONTENT_TYPES = "urn:x-vestibule:content-types:0"
STREAMS = "http://etherx.jabber.org/streams"
