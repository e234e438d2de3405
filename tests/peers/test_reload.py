"""What SIGHUP does to a real process: sessions go on, connections are taken, whatever the files say."""

import asyncio
import itertools
import re
import shutil
import signal
import subprocess

import pytest

from names import DEADLINE, GATEKEEPER, INTEROP, PASSWORD
from process import eventually
from raw import RawClient, plain, stream_header
from upstreams import Proxy, issue
from vestibule import POLICIES, PROGRAM

SESSIONS = 500
RELOADS = 100
# An account may have 32 sessions.
OF_ACCOUNT = 32
# Between two messages of a session, in seconds: Prosody, which writes down each of them, keeps up with that.
PAUSE = 3
# So many clients come at one time.
ARRIVING = 8

HOST = """\
  {name}:
    server_names: [{name}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: gatekeeper
upstreams:
"""
LIMITS = "from_client: {{ stanza: {stanza} }}\n"
CONTENT_TYPES = f"content_types: {POLICIES}/content-types/default.yaml"

# What the process says of a reload.
SAID = {"accepted": "configuration reloaded", "refused": "reload refused:"}

RESIDENT = "process_resident_memory_bytes"
RELOADED = 'vestibule_reloads_total{{result="{}"}}'
OPEN = f'vestibule_sessions_open{{host="{GATEKEEPER}"}}'


class Reloaded(Proxy):
    """A Vestibule before Prosody, of which the configuration is changed."""

    def __init__(self, folder, authority, gatekeeper):
        upstream = [f'endpoints: ["127.0.0.1:{gatekeeper.port}"]']
        super().__init__(folder, authority, upstream, host=GATEKEEPER, server_name=GATEKEEPER)
        self.authority = authority
        self.text = self.configuration.read_text()
        self.write_limits(262144)
        self.write()
        self.start()

    def write_limits(self, stanza):
        # Put into its place as a whole, so that no reload finds half of it.
        new = self.folder / "new-limits.yaml"
        new.write_text(LIMITS.format(stanza=stanza))
        new.replace(self.folder / "limits.yaml")

    def write(self, more="", other=None):
        """`more` is said of the host, `other` is the name of another one."""
        behind = "    upstream: gatekeeper\n"
        text = self.text.replace(behind, f"{behind}    limits: limits.yaml\n    {more}\n", 1)
        if other:
            text = text.replace("upstreams:\n", HOST.format(name=other), 1)
        self.configuration.write_text(text)

    def renew(self):
        issue(self.authority, self.folder, INTEROP)

    def hang_up(self):
        self.server.signal(signal.SIGHUP)

    async def reload(self, result="accepted"):
        """Reloads, and waits for what is to come of it."""
        told = lambda: self.server.said().count(SAID[result])
        before = told()
        self.hang_up()
        await eventually(lambda: told() > before)

    async def read(self, sample):
        return await asyncio.to_thread(self.metric, sample)


@pytest.fixture
def proxy(tmp_path, authority, gatekeeper):
    proxy = Reloaded(tmp_path, authority, gatekeeper)
    yield proxy
    proxy.stop()


async def authenticated(proxy, account, source="127.0.0.1"):
    """A client that is to bind a resource, and the features that it is offered."""
    client = await RawClient.open(proxy.door, source=source)
    user, host = account.split("@")
    await client.send(stream_header(host))
    await client.read_until(b"</stream:features>")
    await client.send(plain(user, PASSWORD))
    await client.read_until(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
    await client.send(stream_header(host))
    return client, await client.read_until(b"</stream:features>")


class Talker:
    """A session that sends numbered messages to itself, and takes them in their order."""

    def __init__(self, client, jid):
        self.client = client
        self.jid = jid
        self.sent = 0

    @classmethod
    async def log_in(cls, proxy, account, number):
        client, _ = await authenticated(proxy, account, f"127.0.1.{number % 100 + 1}")
        await client.send(
            b"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            b"<resource>r%d</resource></bind></iq>" % number
        )
        bound = await client.read_until(b"</iq>")
        return cls(client, re.search(b"<jid>(.*)</jid>", bound)[1].decode())

    async def talk(self, done):
        """Each message comes back once, and before the next one is sent, until it is `done`."""
        await asyncio.sleep(PAUSE * (hash(self.jid) % 100) / 100)
        while not done.is_set():
            await self.client.send(f"<message to='{self.jid}' id='n{self.sent}'><body>x</body></message>".encode())
            echo = await self.client.read_until(b"</message>")
            assert re.search(b" id=['\"]n([0-9]+)['\"]", echo)[1] == b"%d" % self.sent, echo
            self.sent += 1
            await asyncio.sleep(PAUSE)

    async def leave(self):
        """Closes the stream. Nothing else has come."""
        await self.client.send(b"</stream:stream>")
        assert await self.client.read_all() == b"</stream:stream>"


def ended(reason):
    """The sample of the sessions that ended for this reason."""
    return f'vestibule_sessions_ended_total{{host="{GATEKEEPER}",reason="{reason}"}}'


async def arrive(proxy, done, numbers):
    """New clients come all the time, and each is greeted."""
    while not done.is_set():
        client = await RawClient.open(proxy.door, source=f"127.0.2.{next(numbers) % 100 + 1}")
        await client.send(stream_header(GATEKEEPER))
        await client.read_until(b"</stream:features>")
        client.cut()


async def change(proxy, number):
    """One of several changes; every fifth is wrong."""
    match number % 5:
        case 0:
            proxy.renew()
            await proxy.reload()
        case 1:
            proxy.write_limits(100000 + number)
            await proxy.reload()
        case 2:
            proxy.write(CONTENT_TYPES if number % 2 else "", other=f"host-{number}.example")
            await proxy.reload()
        case 3:
            proxy.write()
            await proxy.reload()
        case 4:
            await change_wrongly(proxy)


async def change_wrongly(proxy):
    """A new chain with the old key, and limits that are none."""
    key = proxy.folder / "key.pem"
    shutil.copy(key, proxy.folder / "old-key.pem")
    proxy.renew()
    shutil.move(key, proxy.folder / "new-key.pem")
    shutil.move(proxy.folder / "old-key.pem", key)
    await proxy.reload("refused")
    shutil.move(proxy.folder / "new-key.pem", key)


async def reload_often(proxy):
    """What was resident after a fifth of the reloads, and after all."""
    resident = []
    for number in range(RELOADS):
        await change(proxy, number)
        if number in (RELOADS // 5, RELOADS - 1):
            resident.append(await proxy.read(RESIDENT))
    return resident


async def log_in_all(proxy, accounts):
    names = [f"talker{number}" for number in range(-(-SESSIONS // OF_ACCOUNT))]
    jids = await asyncio.gather(*(asyncio.to_thread(accounts.jid, name) for name in names))
    at_once = asyncio.Semaphore(32)

    async def log_in(number):
        async with at_once:
            return await Talker.log_in(proxy, jids[number // OF_ACCOUNT], number)

    return await asyncio.gather(*map(log_in, range(SESSIONS)))


async def test_100_reloads_under_500_sessions_lose_no_session_no_stanza_and_no_connection(proxy, accounts):
    talkers = await log_in_all(proxy, accounts)
    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for talker in talkers:
            tasks.create_task(talker.talk(done))
        numbers = itertools.count()
        for _ in range(ARRIVING):
            tasks.create_task(arrive(proxy, done, numbers))
        first, last = await reload_often(proxy)
        # Everybody speaks once more after the last reload.
        before = [talker.sent for talker in talkers]
        await eventually(lambda: all(talker.sent > sent + 1 for talker, sent in zip(talkers, before)))
        done.set()
    assert await proxy.read(RELOADED.format("accepted")) == RELOADS * 4 / 5
    assert await proxy.read(OPEN) >= SESSIONS
    assert all(talker.sent for talker in talkers)
    assert next(numbers) > ARRIVING, "connections came all the time"
    assert last - first < 32 << 20, "old configurations are let go"
    await asyncio.gather(*(talker.leave() for talker in talkers))
    async with asyncio.timeout(DEADLINE):
        while await proxy.read(ended("closed")) != SESSIONS:
            await asyncio.sleep(0.1)
    assert await proxy.read(ended("gatekeeper-lost")) == 0
    for refused in ["capacity", "too-many-connections", "connection-rate"]:
        assert await proxy.read(f'vestibule_connections_refused_total{{reason="{refused}"}}') == 0


async def test_of_reloads_in_a_row_the_last_files_are_in_force_in_the_end(proxy, accounts):
    jid = accounts.jid("alice")
    for stanza in range(20000, 20020):
        proxy.write_limits(stanza)
        proxy.hang_up()
    async with asyncio.timeout(DEADLINE):
        while await largest_stanza(proxy, jid) != 20019:
            await asyncio.sleep(0.02)
    assert await proxy.read(RELOADED.format("refused")) == 0


async def largest_stanza(proxy, jid):
    """What an authenticated client is told that it may send (XEP-0478)."""
    client, features = await authenticated(proxy, jid)
    client.cut()
    return int(re.search(b"<max-bytes>([0-9]+)</max-bytes>", features)[1])


async def test_a_process_that_drains_takes_nothing_over_and_says_so(proxy):
    client = await RawClient.open(proxy.door)
    await client.send(stream_header(GATEKEEPER))
    await client.read_until(b"</stream:features>")
    # It does not see that it is to close its side, so that the process waits for it.
    client.writer.transport.pause_reading()
    proxy.server.signal(signal.SIGTERM)
    await eventually(lambda: "draining" in proxy.server.said())
    proxy.hang_up()
    await eventually(lambda: "the process is about to end" in proxy.server.said())
    client.cut()
    assert await asyncio.to_thread(proxy.server.process.wait, 30) == 0


async def test_a_refused_reload_is_told_once_with_its_level_and_each_reason(proxy):
    proxy.configuration.write_text(f"{proxy.text}\nunknown: 1\nstrange: 1\n")
    await proxy.reload("refused")
    await eventually(lambda: proxy.server.said().count("the reload is refused for") == 2)
    told = [line for line in proxy.server.said().splitlines() if re.search(" reload (is )?refused", line)]
    assert all(re.match(r"[0-9T:.-]+Z ERROR vestibule: ", line) for line in told), told
    assert len(told) == 3 and "/vestibule.yaml:" in told[1] and "/vestibule.yaml:" in told[2]


async def test_what_was_taken_over_is_said_by_the_hosts_names(proxy):
    proxy.write(other="added.example")
    await proxy.reload()
    proxy.write_limits(20000)
    proxy.write()
    await proxy.reload()
    said = proxy.server.said()
    for host, change in [("added.example", "added"), (GATEKEEPER, "changed"), ("added.example", "removed")]:
        assert re.search(f'host reloaded.*host.*"{host}".*change.*"{change}"', said), said


def test_a_reload_that_is_asked_for_before_the_process_serves_does_not_end_it(tmp_path):
    configuration = tmp_path / "vestibule.yaml"
    # It takes a while to read that, and to find that it is none.
    configuration.write_text(f"listeners: [{'0, ' * 300_000}]\n")
    command = [PROGRAM, "run", "--config", configuration]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert b"starting" in process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        assert b"refused" in process.stderr.read()
    assert process.returncode == 1
