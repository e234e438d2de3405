"""Starting a server and knowing when it serves. What the server is belongs to `prosody.py`, `ejabberd.py` and
`vestibule.py`."""

import asyncio
import signal
import socket
import subprocess
import time

from names import DEADLINE


def free_port():
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def eventually(holds):
    """Waits until `holds()` is true, and gives what it gave."""
    async with asyncio.timeout(DEADLINE):
        while not (result := holds()):
            await asyncio.sleep(0.02)
        return result


class Server:
    """A child process that listens on loopback ports. What it writes is kept in `output`."""

    def __init__(self, command, output, ports, env=None):
        self.output = output
        with open(output, "ab") as sink:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=env)
        try:
            for port in ports:
                self._wait_for(port)
        except BaseException:
            self.kill()
            raise

    def _wait_for(self, port):
        end = time.monotonic() + DEADLINE
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"{self.process.args[0]} ended with {self.process.returncode}:\n{self.said()}"
                )
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise RuntimeError(f"nobody listens on port {port}:\n{self.said()}") from None
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
