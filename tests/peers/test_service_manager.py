"""What systemd is told (sd_notify(3)). The test is systemd: it listens on a real notify socket."""

import asyncio
import ctypes
import os
import re
import signal
import socket
import urllib.error

import pytest
import pytest_asyncio

from names import DEADLINE

# Long enough for a busy machine to answer in half of it.
WATCHDOG = 4

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


class NotifySocket:
    """Takes what is told, message by message."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    async def next(self):
        return (await asyncio.get_running_loop().sock_recv(self.socket, 4096)).decode()

    async def until(self, wanted):
        """The next message with this in it."""
        async with asyncio.timeout(DEADLINE):
            while wanted not in (message := await self.next()):
                pass
            return message

    async def during(self, seconds):
        """All messages of a time."""
        messages = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    messages.append(await self.next())
        except TimeoutError:
            return messages

    @property
    def environment(self):
        return {"NOTIFY_SOCKET": str(self.path)}


@pytest_asyncio.fixture
async def manager(tmp_path):
    listening = NotifySocket(tmp_path / "notify")
    yield listening
    listening.socket.close()


class Frozen:
    """Keeps one thread of a process from running, and no other."""

    def __init__(self, pid, name):
        threads = {open(f"/proc/{pid}/task/{task}/comm").read().strip(): int(task) for task in os.listdir(f"/proc/{pid}/task")}
        self.thread = threads[name]
        self.libc = ctypes.CDLL(None, use_errno=True)

    def _ptrace(self, request):
        if self.libc.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")

    def __enter__(self):
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.thread, 0x40000000)  # __WALL
        return self

    def __exit__(self, *_):
        self._ptrace(PTRACE_DETACH)


async def test_it_says_when_it_serves_reloads_and_ends(connect, start_vestibule, manager):
    proxy = start_vestibule(env=manager.environment, drain="{ delay: 1s, spread: 2s }")
    assert await manager.next() == "READY=1\n"
    assert await manager.next() == "STATUS=0 sessions open\n"
    await connect("alice", at=proxy.door)
    assert await manager.until("STATUS=") == "STATUS=1 session open\n"
    proxy.signal(signal.SIGHUP)
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=[0-9]+\n", await manager.next())
    assert await manager.next() == "READY=1\n"
    proxy.signal()
    # The delay, the spread, 10 s for sessions, 1 s for threads and 8 s for what writes to disks.
    assert await manager.next() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=22000000\n"
    assert await asyncio.to_thread(proxy.wait) == 0
    assert not any("WATCHDOG" in message for message in await manager.during(0.1)), "nobody has asked for it"


async def test_a_refused_reload_ends_too(start_vestibule, manager):
    proxy = start_vestibule(env=manager.environment)
    (proxy.output.parent / "vestibule.yaml").write_text("listeners: []\n")
    await manager.until("STATUS=")
    proxy.signal(signal.SIGHUP)
    assert "RELOADING=1\n" in await manager.next()
    assert await manager.next() == "READY=1\n"


async def test_a_process_of_which_a_thread_hangs_is_not_live(start_vestibule):
    proxy = start_vestibule(extra="workers: 2\n")

    def answer():
        try:
            return proxy.get("/live")[0]
        except urllib.error.HTTPError as error:
            return error.code

    async def live(wanted):
        async with asyncio.timeout(DEADLINE):
            while answer() != wanted:
                await asyncio.sleep(0.5)

    await live(200)
    with Frozen(proxy.server.process.pid, "worker-1"):
        await live(503)
        assert proxy.metric("vestibule_ready") == 1, "the admin server answers"
    await live(200)
    assert await asyncio.to_thread(proxy.stop) == 0


@pytest.mark.parametrize("thread", ["worker-0", "worker-1", "admin"])
async def test_the_watchdog_hears_of_life_while_every_thread_lives(start_vestibule, manager, thread):
    watchdog = {"WATCHDOG_USEC": str(WATCHDOG * 1_000_000)}
    proxy = start_vestibule(env=manager.environment | watchdog, extra="workers: 2\n")
    for _ in range(2):
        await manager.until("WATCHDOG=1\n")
    with Frozen(proxy.server.process.pid, thread):
        # It may have been asked just before, and have answered.
        signs = [message for message in await manager.during(2 * WATCHDOG) if "WATCHDOG" in message]
        assert len(signs) <= 1
    await manager.until("WATCHDOG=1\n")
    await manager.until("WATCHDOG=1\n")
    assert await asyncio.to_thread(proxy.stop) == 0


async def test_a_process_of_which_the_watchdog_belongs_to_another_one_gives_no_signs(start_vestibule, manager):
    watchdog = {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}
    start_vestibule(env=manager.environment | watchdog)
    assert await manager.next() == "READY=1\n"
    assert not any("WATCHDOG" in message for message in await manager.during(2))
