"""A Debian machine with a systemd of its own, in a container that shares this machine's network. What happens in it is
gone when it stops: its root is `target/packages/debian`, which `tests/run` makes, under a layer in memory."""

import signal
import subprocess
import time
from pathlib import Path

from names import DEADLINE

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = REPOSITORY / "target/packages/debian"


class Machine:
    def __init__(self, folder, shared):
        """`shared` is a folder of ours that the machine sees as /shared."""
        self.output = folder / "console.txt"
        command = [
            "systemd-nspawn",
            f"--directory={ROOT}",
            "--volatile=overlay",
            f"--bind-ro={shared}:/shared",
            "--boot",
            # Any machine lets its services lock some memory, a container does not.
            "--rlimit=RLIMIT_MEMLOCK=8M",
            "--system-call-filter=@memlock",
            # There is no systemd here that would have to know of it.
            "--register=no",
            "--keep-unit",
            "--console=pipe",
            "--quiet",
        ]
        with open(self.output, "wb") as sink:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        try:
            self._wait_until_booted()
        except BaseException:
            self.stop()
            raise

    def _wait_until_booted(self):
        end = time.monotonic() + DEADLINE
        while True:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the machine does not boot:\n{self.output.read_text(errors='replace')}")
            if self._first_process() and self.run("systemctl", "is-system-running", check=False).strip() in (
                "running",
                "degraded",
            ):
                return
            time.sleep(0.2)

    def _first_process(self):
        """Our number of its systemd."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children[0] if children else None

    def run(self, *command, check=True):
        """What a command in the machine says, as root; both streams together."""
        entered = ["nsenter", "--target", self._first_process(), "--all", "--", *map(str, command)]
        done = subprocess.run(
            entered, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def path(self, path):
        """A path of the machine, as we see it."""
        return Path(f"/proc/{self._first_process()}/root") / path.lstrip("/")

    def stop(self):
        """Shuts it down as the power button does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
