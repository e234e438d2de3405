"""Limits under attack: what comes from one address does not reach those at others, and memory stays bounded.

The addresses are those of the loopback network. Latencies are printed, not asserted: the machine has other work.
"""

import asyncio
import contextlib
import os
import re
import resource
import signal
import statistics
import subprocess
import time

import pytest
import pytest_asyncio

from names import DEADLINE, GATEKEEPER, PASSWORD
from process import eventually
from raw import BIND, RawClient, log_in, plain, stream_header

ATTACKER = "127.0.0.9"
HONEST = ("127.0.0.2", "127.0.0.3")

AT_ONCE = 400
FAILURES = 20
# Connections that are turned away and written down: so many at once, and in each second.
NOTED, NOTED_PER_SECOND = 100, 10
SESSIONS = 5
# Those that the admin server takes.
ADMIN_CONNECTIONS = 16
STANZA_RATE = 20
STANZA_BURST = 50
KIB_BURST = 512

LIMITS = f"""\
timeouts: {{ tls_handshake: 60s, header: 3s }}
connections:
  at_once: {AT_ONCE}
  per_second: 200
  burst: {AT_ONCE}
  failed_authentications: {{ per_minute: 1, burst: {FAILURES} }}
accounts:
  sessions: {SESSIONS}
  rate: {{ stanzas_per_second: {STANZA_RATE}, stanza_burst: {STANZA_BURST}, kib_burst: {KIB_BURST} }}
"""

# What one connection may hold: an outbox and an element for each side, and the buffers of two TLS connections.
LARGEST_FROM_CLIENT = 256 << 10
BEFORE_AUTHENTICATION = 8 << 10
TLS = 2 * (16 + 16 + 8) << 10
HIGH_WATER = 64 << 10

# Everything that a log may hold of what is turned away.
METADATA = """\
rules:
  - sink: access
    events: [connection]
    purpose: to count what is written
    basis: tests
    retention: 1d
    fields: { handshake-result: keep, client-address: keep }
"""

MEMORY = "process_resident_memory_bytes"
REFUSED = "vestibule_connections_refused_total"
# Three times as many are within what an account may send at once.
ROUNDS = 15


@contextlib.contextmanager
def all_descriptors():
    """This process may have as many files open meanwhile as can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def vestibule(start_vestibule):
    """A process of its own, whose counts and memory show these sessions only."""
    with all_descriptors():
        yield start_vestibule(limits=LIMITS, metadata=METADATA)


@pytest_asyncio.fixture
async def honest(vestibule, accounts):
    """Two clients at addresses of their own; `await honest("before")` prints how long messages between them take."""
    clients = []
    for name, source in zip(("alice", "bob"), HONEST, strict=True):
        client = await RawClient.open(vestibule.door, source=source)
        await log_in(client, accounts.jid(name), PASSWORD)
        await client.send(b"<presence/>")
        # Their own presence comes back once they are available.
        await client.read_until(b"<presence ")
        clients.append(client)
    alice, bob = clients

    async def honest(when):
        times = []
        for number in range(ROUNDS):
            body = f"<body>{when} {number}</body>".encode()
            began = time.monotonic()
            await alice.send(f"<message to='{accounts.jid('bob')}/raw' type='chat'>".encode() + body + b"</message>")
            await bob.read_until(body)
            times.append((time.monotonic() - began) * 1000)
        honest.messages += ROUNDS
        middle, worst = statistics.median(times), max(times)
        memory = vestibule.metric(MEMORY)
        print(f"{when}: median {middle:.1f} ms, worst {worst:.1f} ms, memory {memory / 2**20:.1f} MiB")
        return memory

    honest.messages = 0
    yield honest
    for client in clients:
        client.cut()


async def under(attack, honest):
    """What the process holds before an attack, and at most until it is over; the honest sessions go on meanwhile."""
    before = await honest("before")
    attacking = asyncio.ensure_future(attack)
    most = await honest("during")
    while not attacking.done():
        # They stay within their own rate.
        await asyncio.sleep(ROUNDS / STANZA_RATE)
        most = max(most, await honest("during"))
    result = await attacking
    return before, max(most, await honest("after")), result


async def knock(vestibule):
    """A connection that says nothing. Whether it is still there in the end is told by `is_closed`."""
    return await asyncio.open_connection("127.0.0.1", vestibule.port, local_addr=(ATTACKER, 0))


async def is_closed(reader):
    with contextlib.suppress(ConnectionResetError):
        try:
            return await asyncio.wait_for(reader.read(1), 0.2) == b""
        except TimeoutError:
            return False
    return True


async def test_two_thousand_connections_whose_handshakes_never_end(vestibule, honest):
    async def attack():
        return [await knock(vestibule) for _ in range(2000)]

    began = time.monotonic()
    before, most, connections = await under(attack(), honest)
    reasons = ("too-many-connections", "connection-rate")
    await eventually(lambda: sum(vestibule.metric(REFUSED, reason=reason) for reason in reasons) >= 2000 - AT_ONCE)
    assert sum(vestibule.metric(REFUSED, reason=reason) for reason in reasons) == 2000 - AT_ONCE
    # All are counted, and few are written down.
    written = [line["handshake-result"] for line in vestibule.written("connection")]
    noted = sum(written.count(reason) for reason in reasons)
    assert 0 < noted <= NOTED + NOTED_PER_SECOND * (time.monotonic() - began)
    closed = await asyncio.gather(*(is_closed(reader) for reader, _ in connections))
    assert closed.count(False) == AT_ONCE
    assert most - before < AT_ONCE * (TLS + BEFORE_AUTHENTICATION)
    for _, writer in connections:
        writer.transport.abort()
    await eventually(lambda: vestibule.metric("vestibule_connections_open") == 2)
    await honest("afterwards")
    # The address is not locked out for what it did.
    client = await RawClient.open(vestibule.door, source=ATTACKER)
    client.cut()


async def test_headers_byte_by_byte_end_with_their_time(vestibule, honest):
    slow = 100

    async def drip():
        client = await RawClient.open(vestibule.door, source=ATTACKER)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for byte in stream_header():
                await client.send(bytes([byte]))
                await asyncio.sleep(0.2)
        with contextlib.suppress(ConnectionResetError):
            await client.read_all()
        client.cut()

    async def attack():
        await asyncio.gather(*(drip() for _ in range(slow)))

    before, most, _ = await under(attack(), honest)
    assert vestibule.metric("vestibule_stream_errors_sent_total", condition="connection-timeout") == slow
    assert most - before < slow * (TLS + BEFORE_AUTHENTICATION)


async def test_a_flood_before_authentication_is_turned_away_by_address(vestibule, honest, accounts):
    guess = plain(accounts.jid("alice").split("@")[0], "wrong")
    guessers = 60

    async def guess_until_the_stream_ends():
        """False if no connection is to be had."""
        try:
            client = await RawClient.open(vestibule.door, source=ATTACKER)
        except (ConnectionResetError, OSError):
            return False
        with contextlib.suppress(ConnectionResetError, asyncio.IncompleteReadError):
            await client.send(stream_header())
            await client.read_until(b"</stream:features>")
            while True:
                await client.send(guess)
                await client.read_until(b"</failure>")
        with contextlib.suppress(ConnectionResetError):
            await client.read_all()
        client.cut()
        return True

    async def guess_on_and_on():
        """On one connection after the other, until no more is to be had."""
        while await guess_until_the_stream_ends():
            pass

    async def attack():
        await asyncio.gather(*(guess_on_and_on() for _ in range(guessers)))

    before, most, _ = await under(attack(), honest)
    assert vestibule.metric(REFUSED, reason="failed-authentications") > 0
    ended = vestibule.metric("vestibule_limit_refusals_total", reason="failed-authentications")
    assert ended == vestibule.metric("vestibule_stream_errors_sent_total", condition="policy-violation") >= 1
    assert most - before < guessers * (2 * TLS + BEFORE_AUTHENTICATION + HIGH_WATER)


async def test_a_flood_after_authentication_is_slowed_to_the_accounts_rate(vestibule, honest, accounts):
    jid = accounts.jid("mallory")
    message = f"<message to='{jid}/nowhere' type='headline'><body>{'x' * 1000}</body></message>".encode()
    before_flood = vestibule.metric("vestibule_relayed_stanzas_total", direction="from_client")
    clients = [await RawClient.open(vestibule.door, source=ATTACKER) for _ in range(SESSIONS)]
    began = time.monotonic()
    for number, client in enumerate(clients):
        await log_in_as(client, jid, f"flood{number}")

    async def flood(client):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                while True:
                    await client.send(message * 10)

    async def attack():
        await asyncio.gather(*(flood(client) for client in clients))

    before, most, _ = await under(attack(), honest)
    stanzas = vestibule.metric("vestibule_relayed_stanzas_total", direction="from_client") - before_flood
    seconds = time.monotonic() - began
    # The binding of each session is its account's, too; each may go into debt by one.
    others = honest.messages
    assert stanzas - others <= STANZA_BURST + SESSIONS + STANZA_RATE * seconds
    throttled = vestibule.metric("vestibule_throttled_seconds_total", limit="account-stanzas")
    print(f"{stanzas:.0f} stanzas in {seconds:.1f} s, throttled for {throttled:.1f} s")
    assert throttled > 0
    assert vestibule.metric("vestibule_throttled_seconds_total", direction="from_gatekeeper") == 0
    assert most - before < SESSIONS * (TLS + 2 * (HIGH_WATER + LARGEST_FROM_CLIENT)) + (8 << 20)
    for client in clients:
        client.cut()


def start_with(room, vestibule):
    """What a process like this one says when it starts with room for so few descriptors that it ends at once."""
    limited = ["/bin/sh", "-c", 'ulimit -n "$0" && exec "$@"', str(room), *vestibule.server.process.args]
    done = subprocess.run(limited, capture_output=True, timeout=DEADLINE)
    assert done.returncode == 1, done.stderr
    return done.stderr.decode()


def descriptors_needed(vestibule):
    """So many, as it says itself once it may read its configuration. It grows with the workers, of which there is one for
    each processor."""
    least = least_descriptors(8, vestibule)
    return least_descriptors(least, vestibule)


def least_descriptors(allowed, vestibule):
    return int(re.search(rf"open files is {allowed}, and (\d+) at least are needed", start_with(allowed, vestibule))[1])


def test_a_process_that_starts_without_descriptors_says_what_to_raise(vestibule):
    # Otherwise one part or another would fail at it: the runtime, the signals, a listener, a worker.
    for few in [6, 8, 10, 20, 48 + ADMIN_CONNECTIONS, descriptors_needed(vestibule) - 1]:
        said = start_with(few, vestibule)
        assert f"the limit on open files is {few}, " in said and "`LimitNOFILE=`" in said, said


async def test_a_process_without_descriptors_waits_and_serves_again(start_vestibule, vestibule, accounts):
    workers, room = os.cpu_count() or 1, descriptors_needed(vestibule)
    vestibule = start_vestibule()
    # A process raises its limit as far as it may.
    resource.prlimit(vestibule.server.process.pid, resource.RLIMIT_NOFILE, (room, room))
    # It has all that it needs for itself.
    await eventually(lambda: vestibule.get("/ready")[0] == 200)
    with all_descriptors():
        crowd = [await asyncio.open_connection("127.0.0.1", vestibule.port) for _ in range(room)]
        exhausted = "cannot accept connections"
        await eventually(lambda: exhausted in vestibule.said())
        assert "Too many open files" in vestibule.said()
        # It lets nobody go for that: who came last waits.
        assert not await is_closed(crowd[0][0]) and not await is_closed(crowd[-1][0])
        for _, writer in crowd:
            writer.transport.abort()
        client = await RawClient.open(vestibule.door)
        await log_in(client, accounts.jid("carol"), PASSWORD)
        client.cut()
        await eventually(lambda: vestibule.metric("vestibule_connections_open") == 0)
        # It tells that once for each listener of each worker, and not each time that it tries.
        assert vestibule.said().count(exhausted) <= 2 * workers + 1


async def test_as_many_connections_are_taken_as_there_are_descriptors_for(start_vestibule, vestibule):
    # What is needed to start is enough for one.
    most, room = 3, descriptors_needed(vestibule) - 2
    vestibule = start_vestibule()
    before = vestibule.metric("vestibule_connections_max")
    resource.prlimit(vestibule.server.process.pid, resource.RLIMIT_NOFILE, (room + 2 * most, room + 2 * most))
    vestibule.server.signal(signal.SIGHUP)
    await eventually(lambda: vestibule.metric("vestibule_connections_max") == most)
    assert before > most
    told = f"so that {most} connections are taken instead of `max_connections: "
    await eventually(lambda: told in vestibule.said())
    crowd = [await asyncio.open_connection("127.0.0.1", vestibule.port) for _ in range(most + 1)]
    await eventually(lambda: vestibule.metric("vestibule_connections_refused_total", reason="capacity") == 1)
    # Whoever looks after it is not kept out by those who fill it, nor by who holds all of its connections.
    silent = [await asyncio.open_connection("127.0.0.1", vestibule.admin) for _ in range(ADMIN_CONNECTIONS + 1)]
    assert vestibule.get("/live")[0] == vestibule.get("/ready")[0] == 200
    for _, writer in crowd + silent:
        writer.transport.abort()


async def test_one_session_more_than_an_account_may_have_is_refused(vestibule, accounts):
    jid = accounts.jid("carol")
    clients = [await RawClient.open(vestibule.door) for _ in range(SESSIONS + 1)]
    for number, client in enumerate(clients):
        await log_in_as(client, jid, f"device{number}")
    last = await clients[-1].read_all()
    assert b"<resource-constraint " in last
    for client in clients:
        client.cut()
    ended = {"reason": "too-many-sessions"}
    await eventually(lambda: vestibule.metric("vestibule_limit_refusals_total", **ended) == 1)


async def test_clients_are_told_what_they_may_send(vestibule):
    client = await RawClient.open(vestibule.door)
    await client.send(stream_header(GATEKEEPER))
    features = await client.read_until(b"</stream:features>")
    assert features.count(b"urn:xmpp:stream-limits:0") == 1
    assert f"<max-bytes>{BEFORE_AUTHENTICATION}</max-bytes>".encode() in features
    client.cut()


async def log_in_as(client, jid, name):
    async def send(data):
        await client.send(data.replace(b"<resource>raw<", f"<resource>{name}<".encode()))

    assert b"<resource>raw<" in BIND
    await log_in(client, jid, PASSWORD, send)
