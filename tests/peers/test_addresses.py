"""Whose address is whose: balancers before Vestibule tell it by PROXY headers, and Vestibule tells the gatekeeper.

HAProxy stands before Vestibule, ejabberd behind it; ejabberd logs the address that its header says.
"""

import asyncio
import contextlib
import functools
import ssl
import struct

import pytest
import pytest_asyncio

from client import Client, Door
from haproxy import HAProxy
from names import DEADLINE, EJABBERD, GATEKEEPER, INTEROP, PASSWORD
from process import eventually
from proxy_header import LOCAL, SIGNATURE, tlv, unix, v1, v2
from raw import log_in, plain, stream_header
from sandbox import BOB, Sandbox
from vestibule import BIND

# What these tests look at: the address and the port, and every connection in the access log.
POLICY = """\
rules:
  - sink: gatekeeper
    events: [connection]
    purpose: tests
    basis: tests
    retention: 1d
    fields: { client-address: keep, client-port: keep }
  - sink: access
    events: [connection]
    purpose: tests
    basis: tests
    retention: 1d
    fields: { client-address: keep, handshake-result: keep }
"""

BALANCER = "127.0.0.1"
STRANGER = "127.0.0.9"
CLIENT = "127.0.0.7"
HOSTS = {EJABBERD: ("ejabberd", None, INTEROP, EJABBERD)}
ACCEPTED = "vestibule_connections_accepted_total"
REFUSED = "vestibule_connections_refused_total"
HEALTH_CHECKS = "vestibule_balancer_health_checks_total"


def behind(start_vestibule, ejabberd, signals="proxy-v2", balancers=BALANCER):
    port = ejabberd.port if signals in ("off", "element") else ejabberd.proxied_port
    return start_vestibule(
        hosts=HOSTS, ejabberd_port=port, balancers=balancers, signals=signals, metadata=POLICY
    )


@pytest.fixture(scope="module")
def balanced(start_vestibule, ejabberd):
    """Vestibule behind a balancer; it tells ejabberd by version 2."""
    return behind(start_vestibule, ejabberd)


@pytest.fixture(scope="module")
def telling(start_vestibule, ejabberd):
    """The same for each way of telling: `telling("proxy-v1")`."""
    return functools.cache(lambda signals: behind(start_vestibule, ejabberd, signals))


@pytest.fixture(scope="module")
def haproxy(balanced, tmp_path_factory):
    proxy = HAProxy(tmp_path_factory.mktemp("haproxy"), balanced.port, "send-proxy-v2")
    yield proxy
    proxy.stop()


@pytest_asyncio.fixture
async def to(raw):
    """Opens a connection to a Vestibule, or to what stands before it."""

    async def to(vestibule, port=None, **options):
        return await raw(Door(port or vestibule.port, INTEROP, vestibule.door.authority), **options)

    return to


def own_address(connection):
    host, port, *_ = connection.writer.get_extra_info("sockname")
    return host, port


async def accepted(ejabberd, address, port):
    """Waits until ejabberd has logged a connection from there."""

    def found():
        lines = [line for line in ejabberd.log().splitlines() if "Accepted proxied connection" in line]
        return any(f"{address}:{port} " in line or f"[{address}]:{port} " in line for line in lines)

    await eventually(found)


@pytest.mark.parametrize("there, own", [("127.0.0.1", CLIENT), ("::1", "::1")])
async def test_the_gatekeeper_sees_the_client_through_haproxy_and_vestibule(
    balanced, haproxy, ejabberd, accounts, to, there, own
):
    client = await to(balanced, haproxy.port, to=there, source=own)
    await log_in(client, accounts.jid("alice", EJABBERD), PASSWORD)
    address, port = own_address(client)
    assert address == own
    await accepted(ejabberd, address, port)


@pytest.mark.parametrize("signals", ["proxy-v1", "proxy-v2"])
@pytest.mark.parametrize("header", [v1, v2])
@pytest.mark.parametrize("address", ["203.0.113.77", "2001:db8::77"])
async def test_addresses_of_both_families_pass_in_both_versions(
    telling, ejabberd, accounts, to, signals, header, address
):
    client = await to(telling(signals), header=header(address, 54_321))
    await log_in(client, accounts.jid("alice", EJABBERD), PASSWORD)
    await accepted(ejabberd, address, 54_321)


async def test_a_client_that_connects_itself_is_told_of_as_well(start_vestibule, ejabberd, accounts, raw):
    vestibule = behind(start_vestibule, ejabberd, balancers=None)
    client = await raw(vestibule.door, source=CLIENT)
    await log_in(client, accounts.jid("alice", EJABBERD), PASSWORD)
    await accepted(ejabberd, *own_address(client))


async def test_a_balancer_that_speaks_for_itself_is_a_client_from_there(balanced, ejabberd, accounts, to):
    client = await to(balanced, header=LOCAL)
    await log_in(client, accounts.jid("alice", EJABBERD), PASSWORD)
    await accepted(ejabberd, *own_address(client))


UNKNOWN = {
    "version 1": b"PROXY UNKNOWN\r\n",
    "version 2": SIGNATURE + b"\x21\x00\x00\x00",
    "a Unix socket": unix(b"/run/balancer"),
}


@pytest.mark.parametrize("header", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_a_balancer_is_not_taken_for_a_client_that_it_does_not_know(start_vestibule, raw, header):
    headers = asyncio.Queue()

    async def gatekeeper(reader, writer):
        await headers.put(await reader.readuntil(b"\r\n"))
        writer.close()

    async with await asyncio.start_server(gatekeeper, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        vestibule = start_vestibule(
            hosts=HOSTS, ejabberd_port=port, balancers=BALANCER, signals="proxy-v1", metadata=POLICY
        )
        client = await raw(Door(vestibule.port, INTEROP, vestibule.door.authority), header=header)
        await client.send(stream_header(EJABBERD))
        async with asyncio.timeout(DEADLINE):
            assert await headers.get() == b"PROXY UNKNOWN\r\n"
    expected = {"event": "connection", "handshake-result": "completed"}
    await eventually(lambda: expected in vestibule.written("connection"))


# What is refused, from where, with which reason, and whether anything of it is read before.
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
GOOD = v2("203.0.113.77", 1, tlv(0x01, b"xmpp-client"))
HOSTILE = {
    "no header": (HELLO, "no-proxy-header"),
    "a header of no version": (SIGNATURE + b"\x31\x11\0\0" + bytes(12), "bad-proxy-header"),
    "a datagram": (SIGNATURE + b"\x21\x12\0\x0c" + bytes(12), "bad-proxy-header"),
    "half a header": (GOOD[:20], "bad-proxy-header"),
    "half a header of version 1": (b"PROXY TCP4 203.0.113.77", "bad-proxy-header"),
    "a header without an end": (b"PROXY TCP4 " + b"1" * 4096, "bad-proxy-header"),
    "more than 4 KiB of TLVs": (v2("203.0.113.77", 1, tlv(0xE0, bytes(4096))), "bad-proxy-header"),
    "64 KiB of TLVs": (SIGNATURE + b"\x21\x11\xff\xff" + bytes(65_535), "bad-proxy-header"),
    "a TLV that is longer than the header": (
        v2("203.0.113.77", 1, b"\xe0" + struct.pack(">H", 9000) + b"x"),
        "bad-proxy-header",
    ),
    "a wrong checksum": (v2("203.0.113.77", 1, tlv(0x03, b"\0\0\0\0")), "bad-proxy-header"),
}


OF_A_STRANGER = {"event": "connection", "client-address": STRANGER, "handshake-result": "untrusted-proxy"}


async def be_a_stranger(vestibule):
    reader, writer = await asyncio.open_connection(BALANCER, vestibule.port, local_addr=(STRANGER, 0))
    assert await reader.read() == b""
    writer.close()


async def written(vestibule, since):
    """All events of connections so far: when that of another connection is written, those of earlier ones are."""
    await be_a_stranger(vestibule)
    await eventually(lambda: OF_A_STRANGER in vestibule.written("connection", since))
    *events, last = vestibule.written("connection", since)
    assert last == OF_A_STRANGER
    return events


def refused(vestibule, reason):
    return vestibule.metric(REFUSED, reason=reason)


@pytest.mark.parametrize("sent, reason", HOSTILE.values(), ids=HOSTILE.keys())
async def test_what_is_no_header_is_refused(balanced, sent, reason):
    before, since = refused(balanced, reason), len(balanced.said())
    accepted = balanced.metric(ACCEPTED)
    reader, writer = await asyncio.open_connection(BALANCER, balanced.port)
    writer.write(sent)
    # It may be gone before all of it is sent.
    with contextlib.suppress(OSError):
        await writer.drain()
        writer.write_eof()
        assert await reader.read() == b""
    await eventually(lambda: refused(balanced, reason) == before + 1)
    assert balanced.metric(ACCEPTED) == accepted
    # The balancer is nobody's address, and the client's is not known.
    await eventually(lambda: balanced.written("connection", since))
    assert await written(balanced, since) == [{"event": "connection", "handshake-result": reason}]
    writer.close()


async def test_as_many_tlvs_as_fit_are_passed_over(balanced, ejabberd, accounts, to):
    header = v2("203.0.113.78", 1025, tlv(0x01, b"xmpp-client") + tlv(0xE0, bytes(4096 - 12 - 14 - 3)))
    client = await to(balanced, header=header)
    await log_in(client, accounts.jid("alice", EJABBERD), PASSWORD)
    await accepted(ejabberd, "203.0.113.78", 1025)


async def test_a_stranger_is_refused_before_it_has_said_anything(balanced):
    before, since = refused(balanced, "untrusted-proxy"), len(balanced.said())
    await be_a_stranger(balanced)
    assert refused(balanced, "untrusted-proxy") == before + 1
    await eventually(lambda: balanced.written("connection", since) == [OF_A_STRANGER])


async def test_a_health_check_is_counted_and_no_event(balanced):
    handshakes, since = balanced.metric("vestibule_tls_handshakes_total"), len(balanced.said())
    for header in [b"", LOCAL, b"PROXY UNKNOWN\r\n"]:
        before = balanced.metric(HEALTH_CHECKS)
        _reader, writer = await asyncio.open_connection(BALANCER, balanced.port)
        writer.write(header)
        writer.close()
        await eventually(lambda: balanced.metric(HEALTH_CHECKS) == before + 1)
    assert balanced.metric("vestibule_tls_handshakes_total") == handshakes
    assert await written(balanced, since) == []


async def test_a_header_that_does_not_come_is_not_waited_for(balanced):
    before = refused(balanced, "proxy-header-timeout")
    silent = await asyncio.open_connection(BALANCER, balanced.port)
    slow = await asyncio.open_connection(BALANCER, balanced.port)
    slow[1].write(GOOD[:-1])
    assert await silent[0].read() == b"" and await slow[0].read() == b""
    assert refused(balanced, "proxy-header-timeout") == before + 2


async def test_a_header_is_not_waited_for_longer_than_authentication_may_take(start_vestibule, ejabberd):
    limits = "timeouts: { tls_handshake: 10min, header: 1s, authentication: 1s }\n"
    hasty = start_vestibule(
        hosts=HOSTS, ejabberd_port=ejabberd.port, balancers=BALANCER, metadata=POLICY, limits=limits
    )
    reader, writer = await asyncio.open_connection(BALANCER, hasty.port)
    async with asyncio.timeout(DEADLINE):
        assert await reader.read() == b""
    assert refused(hasty, "proxy-header-timeout") == 1
    writer.close()


async def test_a_header_where_none_is_expected_is_no_tls(vestibule, raw):
    before = vestibule.metric("vestibule_tls_handshakes_total", result="failed")
    with pytest.raises((ConnectionError, ssl.SSLError)):
        await raw(vestibule.door, header=v1("203.0.113.77", 1))
    await eventually(lambda: vestibule.metric("vestibule_tls_handshakes_total", result="failed") == before + 1)


@pytest.mark.parametrize("is_balanced, source", [(False, "observed"), (True, "balancer")])
async def test_the_element_says_the_address_and_where_it_is_from(tmp_path, authority, is_balanced, source):
    # The balancer has an address of its own, so that it is not taken for the client.
    sandbox = Sandbox(tmp_path, authority, {}, balancers="127.0.0.5, 127.0.0.1" if is_balanced else "")
    port = sandbox.ports["vestibule"]
    haproxy = HAProxy(tmp_path, port, "send-proxy-v2 source 127.0.0.5") if is_balanced else None
    client = None
    try:
        door = Door(haproxy.port if haproxy else port, INTEROP, sandbox.roots)
        client = Client(door, f"{BOB}@{GATEKEEPER}", PASSWORD, sasl_mech="SCRAM-SHA-256")
        await client.login()
        [session] = [session for session in sandbox.sessions() if session["full_jid"]]
        # The shipped policy does not let the port out.
        told = {"name": "client-address", "attributes": {"source": source}, "text": "127.0.0.1"}
        assert session["signals"] == [told]
    finally:
        if client:
            await client.leave()
        if haproxy:
            haproxy.stop()
        sandbox.stop()


@pytest.mark.parametrize("signals, version, tlvs", [("proxy-v1", 1, set()), ("proxy-v2", 2, {0x03})])
async def test_a_header_says_no_more_than_the_policy_lets_out(tmp_path, authority, signals, version, tlvs):
    sandbox = Sandbox(tmp_path, authority, {}, proxy_protocol="required", signals=signals)
    client = Client(sandbox.door, f"{BOB}@{GATEKEEPER}", PASSWORD, sasl_mech="SCRAM-SHA-256")
    try:
        await client.login()
        [session] = [session for session in sandbox.sessions() if session["full_jid"]]
        told = session["proxy_header"]
        # The shipped policy does not let the port out.
        assert told["addresses"] == {"source": "127.0.0.1:0", "destination": "0.0.0.0:0"}
        assert (told["version"], {tlv["type"] for tlv in told["tlvs"]}) == (version, tlvs)
        assert session["signals"] is None
    finally:
        await client.leave()
        sandbox.stop()


# What a client claims of itself, wherever it stands.
FORGED = b"<signals xmlns='urn:x-vestibule:signals:0'><client-address>198.51.100.1</client-address></signals>"


@pytest.mark.parametrize("signals", ["off", "element"])
async def test_prosody_takes_requests_with_signals_and_no_forged_ones(
    start_vestibule, gatekeeper, accounts, raw, signals
):
    vestibule = start_vestibule(hosts={GATEKEEPER: ("prosody", BIND)}, signals=signals, metadata=POLICY)
    client = await raw(vestibule.door)
    jid = accounts.jid("alice")

    async def send(data):
        await client.send(data.replace(b"<resource>", FORGED + b"<resource>"))

    assert b"<jid>" in await log_in(client, jid, PASSWORD, send)
    await client.send(b"<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    enabled = await client.read_until(b"/>")
    previous = enabled.split(b"id='")[1].split(b"'")[0].decode()
    client.cut()
    again = await raw(vestibule.door)
    await _authenticate(again, jid)
    resume = f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{previous}'>".encode() + FORGED + b"</resume>"
    await again.send(resume)
    assert b"<resumed" in await again.read_until(b"/>")
    edited = vestibule.metric("vestibule_frames_edited_total", kind="signals")
    assert edited == (2 if signals == "element" else 0)


async def _authenticate(client, jid):
    """All that comes before the request for a resource or a resumption."""
    user, host = jid.split("@")
    for said, answer in [
        (stream_header(host), b"</stream:features>"),
        (plain(user, PASSWORD), b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
        (stream_header(host), b"</stream:features>"),
    ]:
        await client.send(said)
        await client.read_until(answer)
