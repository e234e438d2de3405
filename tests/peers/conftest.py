"""What the tests share: the gatekeepers, one Vestibule before them, and clients that log in through it.

`PEERS_DIRECT=1` leaves Vestibule out and sends the clients straight to Prosody, to tell a fault of a test or a peer
from one of Vestibule. Tests about Vestibule itself are then left out.
"""

import contextlib
import itertools
import os

import pytest
import pytest_asyncio
import trustme

from client import Client
from ejabberd import Ejabberd
from names import EJABBERD, GATEKEEPER, PASSWORD, SCRIPTED
from prosody import Prosody
from raw import RawClient, RawGatekeeper, stream_header
from scripted import authenticate, bind, greet
from upstreams import Dns, Endpoint, Proxy
from vestibule import CAPABILITIES_HOSTS, ENFORCING_HOSTS, Vestibule

pytest.register_assert_rewrite("content")

DIRECT = os.environ.get("PEERS_DIRECT") == "1"

# The hosts that the Vestibule of most tests does not serve, with the one that does.
VESTIBULES = dict.fromkeys(CAPABILITIES_HOSTS, "capabilities_vestibule")
VESTIBULES |= dict.fromkeys(ENFORCING_HOSTS, "enforcing_vestibule")

_serial = itertools.count(1)


def pytest_collection_modifyitems(config, items):
    if DIRECT:
        wanted = {"vestibule", "start_vestibule", *VESTIBULES.values()}
        about_vestibule = [item for item in items if wanted.intersection(item.fixturenames)]
        config.hook.pytest_deselected(items=about_vestibule)
        items[:] = [item for item in items if item not in about_vestibule]


@pytest.fixture(scope="session")
def authority():
    """Who signs every certificate that is to be trusted."""
    return trustme.CA()


@pytest.fixture(scope="session")
def gatekeeper(authority, tmp_path_factory):
    prosody = Prosody(tmp_path_factory.mktemp("prosody"), authority)
    yield prosody
    prosody.stop()


@pytest.fixture(scope="session")
def ejabberd(authority, tmp_path_factory):
    """The other gatekeeper, started when a test first asks for it."""
    server = Ejabberd(tmp_path_factory.mktemp("ejabberd"), authority)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def serving(request):
    """The gatekeeper that serves a host: `serving(EJABBERD)`."""
    return lambda host: request.getfixturevalue("ejabberd" if host == EJABBERD else "gatekeeper")


@pytest.fixture(scope="session")
def start_vestibule(gatekeeper, authority, tmp_path_factory):
    """Starts a Vestibule; the one that most tests share is `vestibule`."""
    started = []

    def start(**options):
        folder = tmp_path_factory.mktemp("vestibule")
        starttls = options.get("transport") == "starttls"
        port = gatekeeper.plain_port if starttls else gatekeeper.port
        proxy = Vestibule(folder, authority, trustme.CA(), port, **options)
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.stop()


@pytest.fixture(scope="session")
def vestibule(start_vestibule):
    return start_vestibule()


@pytest.fixture(scope="session")
def starttls_vestibule(start_vestibule):
    """The same, which reaches the gatekeeper by STARTTLS."""
    return start_vestibule(transport="starttls")


@pytest.fixture(scope="session")
def capabilities_vestibule(start_vestibule, ejabberd):
    """For the hosts whose content types are carried by entity capabilities, before both gatekeepers."""
    return start_vestibule(hosts=CAPABILITIES_HOSTS, ejabberd_port=ejabberd.port)


@pytest.fixture(scope="session")
def enforcing_vestibule(start_vestibule):
    """For the host whose clients are kept from what they cannot receive."""
    return start_vestibule(hosts=ENFORCING_HOSTS)


@pytest.fixture(scope="session")
def door_to(request, serving):
    """Where the clients of a host connect, unless a test says otherwise: `door_to(GATEKEEPER)`."""

    def door_to(host):
        if DIRECT:
            return serving(host).door
        return request.getfixturevalue(VESTIBULES.get(host, "vestibule")).door

    return door_to


@pytest.fixture(scope="session")
def door(door_to):
    return door_to(GATEKEEPER)


class Accounts:
    """Accounts of one test: a name gives the same account within the test and a fresh one in every other."""

    def __init__(self, serving):
        self.serving = serving
        self.suffix = next(_serial)
        self.known = set()

    def jid(self, name, host=GATEKEEPER):
        user = f"{name}{self.suffix}"
        if (user, host) not in self.known:
            self.serving(host).register(user, host, PASSWORD)
            self.known.add((user, host))
        return f"{user}@{host}"


@pytest.fixture
def accounts(serving):
    return Accounts(serving)


@pytest_asyncio.fixture
async def connect(door_to, accounts):
    """Logs a client in: `await connect("alice", resource="phone", plugins=[...])`. All leave when the test ends."""
    clients = []

    async def connect(
        name,
        host=GATEKEEPER,
        resource=None,
        password=PASSWORD,
        appear=True,
        at=None,
        kind=Client,
        **options,
    ):
        jid = accounts.jid(name, host)
        client = kind(at or door_to(host), f"{jid}/{resource}" if resource else jid, password, **options)
        clients.append(client)
        await client.login()
        if appear:
            await client.appear()
        return client

    yield connect
    for client in clients:
        await client.leave()


@pytest_asyncio.fixture
async def raw(door):
    """Opens a TLS connection that sends exactly the bytes it is told to: `await raw()`."""
    connections = []

    async def raw(at=None, **options):
        connection = await RawClient.open(at or door, **options)
        connections.append(connection)
        return connection

    yield raw
    for connection in connections:
        connection.cut()


@pytest_asyncio.fixture
async def scripted(vestibule):
    """A gatekeeper that a test plays itself, for the host that Vestibule connects to it."""
    gatekeeper = await RawGatekeeper.listen(vestibule.scripted_port, vestibule.scripted_tls)
    yield gatekeeper
    gatekeeper.close()


@pytest.fixture
def bound(raw, scripted):
    """A session whose both ends the test plays, with a bound resource: `client, gatekeeper = await bound()`."""

    async def bound(header=stream_header(SCRIPTED)):
        client = await raw()
        gatekeeper = await greet(client, scripted, header)
        await authenticate(client, gatekeeper)
        await bind(client, gatekeeper, header)
        return client, gatekeeper

    return bound


@pytest.fixture
def started():
    """Ends what a test starts."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def endpoint(tmp_path, authority, started):
    """Starts a gatekeeper's endpoint, a process of its own: `endpoint("a")`."""

    def endpoint(name, **options):
        endpoint = Endpoint(tmp_path / name, authority, name, **options)
        started.callback(endpoint.kill)
        return endpoint

    return endpoint


@pytest.fixture
def proxy(tmp_path, authority, started):
    """Starts a Vestibule with one upstream; these are the lines on how to reach it: `proxy("srv: a.example")`."""

    def proxy(*upstream, folder="vestibule", resolv_conf=None, **options):
        proxy = Proxy(tmp_path / folder, authority, upstream, **options).start(resolv_conf)
        started.callback(proxy.stop)
        return proxy

    return proxy


@pytest.fixture
def dns(tmp_path, started):
    """A DNS server that serves when the test tells it what."""
    dns = Dns(tmp_path)
    started.callback(dns.stop)
    return dns
