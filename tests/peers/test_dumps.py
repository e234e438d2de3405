"""The memory of the process is its own: no core dump, no look into it from outside. Keys and messages are in there."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
import pytest_asyncio

from canaries import Canaries
from canary_stage import START, UNPRIVILEGED, Stage
from process import eventually
from vestibule import POLICIES


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path, Canaries("dumps"), (POLICIES / "metadata/default-deny.yaml").read_bytes())
    yield stage
    if stage.server.process.poll() is None:
        stage.server.kill()


@pytest_asyncio.fixture
async def bystander(tmp_path):
    """A process that was started like Vestibule, and does nothing about its memory."""
    work = tmp_path / "bystander"
    work.mkdir()
    process = subprocess.Popen(["/bin/sh", "-c", START, work, *UNPRIVILEGED, "sleep", "1000"])
    # It is there when it has become what it is to be.
    await eventually(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
    yield process
    process.kill()
    process.wait()


async def dumped(process):
    """Whether the system made a core dump of a process that it ended."""
    process.send_signal(signal.SIGABRT)
    _, status = await eventually(lambda: (ended := os.waitpid(process.pid, os.WNOHANG))[0] and ended)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == -signal.SIGABRT
    return os.WCOREDUMP(status)


def readable(process):
    """Whether another process of the same user and rights may read its memory."""
    command = [*UNPRIVILEGED, "cat", f"/proc/{process.pid}/environ"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


async def test_a_crash_leaves_no_core_dump(stage):
    (limit,) = [
        line.split()[4:6]
        for line in Path(f"/proc/{stage.server.process.pid}/limits").read_text().splitlines()
        if line.startswith("Max core file size")
    ]
    assert limit == ["0", "0"]
    assert not await dumped(stage.server.process)
    assert sorted(path.name for path in stage.work.iterdir()) == ["access", "audit", "diagnostics.txt", "output.txt"]


def test_no_other_process_may_read_the_memory(stage, bystander):
    assert readable(bystander), "nobody may read anything here: this would prove nothing"
    assert not readable(stage.server.process)
