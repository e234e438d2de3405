"""Starting a server and knowing when it serves. What the server is belongs to `prosody.py`, `ejabberd.py` and
`vestibule.py`."""

import asyncio
import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import time

from names import DEADLINE

# Below the ports that the system chooses itself, so that no connection takes one between its choice and its use.
_PORTS = iter(random.sample(range(15_000, 30_000), 15_000))


def free_port():
    """A loopback port that nobody listens on now, another one each time."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As servers do, that are started again on their port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no loopback port is free")


async def eventually(holds):
    """Waits until `holds()` is true, and gives what it gave."""
    async with asyncio.timeout(DEADLINE):
        while not (result := holds()):
            await asyncio.sleep(0.02)
        return result


def _handing_over(command, sockets):
    """`command` with the sockets at descriptor 3 and on, and copies of them that it is to inherit."""
    held = [fcntl.fcntl(one, fcntl.F_DUPFD, 100) for one in sockets]
    places = " ".join(f"{3 + number}<&{copy} {copy}<&-" for number, copy in enumerate(held))
    # The process's own id is known only once there is a process.
    return ["bash", "-c", f'export LISTEN_PID=$$; exec "$@" {places}', "bash", *command], held


class Server:
    """A child process that listens on ports of this machine. What it writes is kept in `output`."""

    def __init__(self, command, output, ports, env=None, ready=None, sockets=()):
        """`ports` are of 127.0.0.1; `ready` is the address and the port of another one; `sockets` are handed over as
        systemd does (sd_listen_fds(3))."""
        self.output = output
        if sockets:
            command, held = _handing_over(command, sockets)
            env = (env or dict(os.environ)) | {"LISTEN_FDS": str(len(sockets))}
        else:
            held = ()
        with open(output, "ab") as sink:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=env, pass_fds=held
            )
        for descriptor in held:
            os.close(descriptor)
        try:
            for address in [*(("127.0.0.1", port) for port in ports), *([ready] if ready else [])]:
                self._wait_for(address)
        except BaseException:
            self.kill()
            raise

    def _wait_for(self, address):
        end = time.monotonic() + DEADLINE
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"{self.process.args[0]} ended with {self.process.returncode}:\n{self.said()}"
                )
            try:
                socket.create_connection(address, timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise RuntimeError(f"nobody listens on {address}:\n{self.said()}") from None
                time.sleep(0.05)

    def said(self):
        return self.output.read_text(errors="replace")

    def signal(self, number=signal.SIGTERM):
        """Asks it to end, unless it has."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def terminate(self):
        """Asks it to end and gives the exit code."""
        self.signal()
        return self.process.wait(timeout=DEADLINE)

    def kill(self):
        self.process.kill()
        self.process.wait()
