"""A new process in the place of another one, on the same socket: nobody is refused, and no message is lost or doubled.

The test is the service manager: it opens the socket and hands it over.
"""

import asyncio
import contextlib
import json
import socket
import time
import urllib.error

import pytest

from names import DEADLINE
from process import eventually
from raw import RawClient, stream_header
from resumption import connect_resumable

# All clients come from one address, and share what the machine has for them.
LIMITS = """\
connections: { at_once: 4096, per_second: 4096, burst: 4096 }
timeouts: { tls_handshake: 120s, header: 120s, authentication: 180s }
"""
SPREAD = 16
RESUMABLE = OTHERS = 250
# Of a kind in a quarter of the spread, of 62 that it should be: the machine may be busy.
FEWEST, MOST = 25, 125
PAUSE = 2


@pytest.fixture
def listening():
    """Opens sockets as a socket unit does: `listening("127.0.0.1")`."""
    with contextlib.ExitStack() as opened:

        def listening(address="127.0.0.1", **options):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            return opened.enter_context(socket.create_server((address, 0), family=family, backlog=4096, **options))

        yield listening


class Talker:
    """A client that tells its successor one number after the other, and that resumes whenever it is cut."""

    def __init__(self, client):
        self.client = client
        # Messages, and the next one's number.
        self.said = 0
        client.add_filter("out", self._number)
        # When it was cut first.
        self.ended = None
        self.connected = asyncio.Event()
        self.connected.set()
        client.add_event_handler("disconnected", self._cut)
        client.add_event_handler("session_resumed", lambda _: self.connected.set())

    def _cut(self, _):
        self.ended = self.ended or time.monotonic()
        self.connected.clear()
        # Once the client has done with the old connection.
        asyncio.get_running_loop().call_soon(self.client.dial)

    def _number(self, stanza):
        """Numbers a message when the library takes it. One that was queued while the connection ended it would lose
        by itself (it is neither sent nor kept for the resumption), so that this one does not count."""
        if stanza.name != "message":
            return stanza
        if not self.client.plugin["xep_0198"].enabled_out:
            return None
        stanza["body"] = str(self.said)
        self.said += 1
        return stanza

    async def talk(self, successor, silence):
        """The last message comes when there is silence, after all have come back."""
        last = False
        while not last:
            last = silence.is_set()
            if self.connected.is_set():
                self.client.send_message(mto=successor.client.boundjid, mbody="?", mtype="chat")
            await asyncio.sleep(0 if last else PAUSE)
        await self.client.waiting_queue.join()

    async def heard(self, count):
        return [(await self.client.message())["body"] for _ in range(count)]

    def leave(self):
        """From here on it stays away when it is gone."""
        self.client.del_event_handler("disconnected", self._cut)


async def knock(door, silence, answered):
    """Opens one connection after the other."""
    while not silence.is_set():
        client = await RawClient.open(door)
        client.leave()
        answered.append(client)
        await asyncio.sleep(0.05)


def quarters(began, ends):
    counts = [0] * 4
    for end in ends:
        counts[min(3, int((end - began) / (SPREAD / 4)))] += 1
    return counts


@pytest.fixture
def talkers(connect):
    """Those that a test fills in leave in the end."""
    talkers = []
    yield talkers
    for one in talkers:
        one.leave()


async def log_in(connect, door):
    """All clients, a few at a time: those that can resume, and the others."""
    few = asyncio.Semaphore(25)

    async def resumable(number):
        name, options = f"talker-{number % 9}", {"resource": f"r{number}", "at": door, "sasl_mech": "PLAIN"}
        async with few:
            return Talker(await connect_resumable(connect, name, **options))

    async def other(number):
        name, options = f"other-{number % 9}", {"resource": f"r{number}", "at": door, "sasl_mech": "PLAIN"}
        async with few:
            return await connect(name, appear=False, **options)

    kinds = (resumable, RESUMABLE), (other, OTHERS)
    return [await asyncio.gather(*map(kind, range(count))) for kind, count in kinds]


async def be_told(client):
    """When the client was told that the process ends, and nothing else."""
    async with asyncio.timeout(2 * DEADLINE):
        error = await client.stream_errors.get()
    assert error["condition"] == "system-shutdown"
    return time.monotonic()


@pytest.mark.parametrize("beside", [True, False], ids=["beside the old one", "after the old one"])
async def test_a_drain_under_load_ends_every_session_in_its_way_and_nothing_is_lost(
    connect, talkers, start_vestibule, listening, beside
):
    shared = listening()

    def start():
        return start_vestibule(sockets=[shared], limits=LIMITS, drain=f"{{ spread: {SPREAD}s }}")

    old = start()
    talkers[:], others = await log_in(connect, old.door)
    silence, answered = asyncio.Event(), []
    knocking = asyncio.create_task(knock(old.door, silence, answered))
    pairs = list(zip(talkers, talkers[1:] + talkers[:1]))
    talking = [asyncio.create_task(one.talk(successor, silence)) for one, successor in pairs]
    new = await asyncio.to_thread(start) if beside else None
    telling = [asyncio.create_task(be_told(client)) for client in others]
    began = time.monotonic()
    old.signal()
    told = await asyncio.gather(*telling)
    assert await asyncio.to_thread(old.wait) == 0
    new = new or await asyncio.to_thread(start)
    async with asyncio.timeout(2 * DEADLINE):
        await asyncio.gather(*(one.connected.wait() for one in talkers))
    silence.set()
    await asyncio.gather(*talking, knocking)
    for kind in (told, [one.ended for one in talkers]):
        counts = quarters(began, kind)
        assert all(FEWEST <= count <= MOST for count in counts), counts
    for one, successor in pairs:
        assert await successor.heard(one.said) == [str(number) for number in range(one.said)]
        assert successor.client.messages.empty()
    # More than the first and the last message; a few may have had no time for it on a busy machine.
    assert sum(one.said > 2 for one in talkers) > RESUMABLE / 2
    assert len(answered) > SPREAD
    assert new.metric("vestibule_sessions_open") == RESUMABLE


async def test_sessions_go_on_and_new_ones_come_while_balancers_notice(connect, start_vestibule):
    """`drain.delay`: only `/ready` has changed."""
    proxy = start_vestibule(drain="{ delay: 10min, spread: 0s }")
    alice = await connect("alice", at=proxy.door)
    proxy.signal()
    await eventually(lambda: not is_ready(proxy))
    bob = await connect("bob", at=proxy.door)
    alice.send_message(mto=bob.boundjid, mbody="still here", mtype="chat")
    assert (await bob.message())["body"] == "still here"
    assert proxy.stop() == 1, "a second signal ends the process at once"


async def test_a_session_that_begins_during_the_drain_is_served_and_ended_in_its_turn(start_vestibule):
    proxy = start_vestibule(drain="{ spread: 20s }")
    late = await RawClient.open_plain(proxy.door)
    # Whoever looked whether the proxy listens has gone.
    await eventually(lambda: proxy.metric("vestibule_connections_open") == 1)
    proxy.signal()
    await eventually(lambda: not is_ready(proxy))
    await late.begin_tls(proxy.door)
    await late.send(stream_header())
    assert b"<mechanisms " in await late.read_until(b"</stream:features>")
    assert b"<system-shutdown " in await late.read_all()
    assert await asyncio.to_thread(proxy.wait) == 0


def is_ready(proxy):
    try:
        return proxy.get("/ready")[0] == 200
    except urllib.error.HTTPError as refusal:
        return refusal.code != 503


def refused(start):
    """What a Vestibule says that does not start. Some of its listeners may be open before it ends."""
    try:
        proxy = start()
    except RuntimeError as ended:
        return str(ended)
    assert proxy.wait() == 1
    return proxy.said()


def test_a_socket_that_nobody_wants_or_that_is_none_is_an_error(start_vestibule, listening):
    wanted, unwanted = listening(), listening()
    port = unwanted.getsockname()[1]
    start = lambda *sockets: lambda: start_vestibule(sockets=sockets)
    assert f"has the address 127.0.0.1:{port}, and no listener" in refused(start(wanted, unwanted))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as idle:
        for wrong in (datagrams, idle):
            wrong.bind(("127.0.0.1", 0))
            assert "is no listening TCP socket" in refused(start(wanted, wrong))


async def test_two_processes_share_the_folder_of_the_access_log_and_not_that_of_the_audit_log(
    connect, start_vestibule, listening, tmp_path
):
    shared = listening()
    for folder in ("access", "one", "other"):
        (tmp_path / folder).mkdir()

    def start(audit):
        access = f"access_log: {{ folder: {tmp_path}/access }}\n"
        audit = f"audit_log: {{ folder: {tmp_path}/{audit}, retention: 30d }}\n"
        return start_vestibule(sockets=[shared], extra=access + audit)

    first = start("one")
    assert "another process writes the audit log" in refused(lambda: start("one"))
    second = start("other")
    for proxy in (first, second):
        # By a listener that is not shared, so that it is known who serves.
        client = await connect("alice", at=proxy.plain_door)
        await client.disconnect()
    assert [await asyncio.to_thread(proxy.stop) for proxy in (first, second)] == [0, 0]
    lines = [json.loads(line) for segment in (tmp_path / "access").iterdir() for line in segment.open()]
    assert [line["event"] for line in lines] == ["session", "session"]
