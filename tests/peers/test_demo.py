"""`vestibule demo` as people run it: with many sessions, kept up to be tried, and on terminals."""

import fcntl
import json
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

from names import DEADLINE
from vestibule import PROGRAM


def demo(*arguments, **options):
    """Runs it to its end."""
    options = {"capture_output": True, "text": True, "timeout": DEADLINE} | options
    return subprocess.run([PROGRAM, "demo", *arguments], **options)


def line_with(process, part):
    """The next line of a process that has this in it."""
    watchdog = threading.Timer(DEADLINE, process.kill)
    watchdog.start()
    others = []
    try:
        for line in process.stdout:
            if part in line:
                return line
            others.append(line)
    finally:
        watchdog.cancel()
    raise AssertionError(f"{part!r} did not come: {others}")


def test_a_thousand_sessions_at_the_same_time_do_well():
    done = demo("--load", "1000")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "1000 users, 1000 sessions at the same time, 10000 messages written"
    # A fifth of the messages goes to the seven others of a group, and a tenth of the sessions is resumed.
    assert "  received    22000 of 22000, 0 lost, 0 doubled" in lines
    assert "  Vestibule counted 1100 connections" in lines
    assert lines[-1] == "All of them did well."
    # Nothing but whole lines where there is no terminal.
    assert "\r" not in done.stderr
    assert any(line.startswith("Writing ") and " 1000 open, half " in line for line in done.stderr.splitlines())


def test_a_load_counts_in_whole_numbers():
    report = json.loads(demo("--json", "--load", "2").stdout)
    assert (report["sessions"], report["written"], repr(report["sessions_counted"])) == (2, 20, "2")


def test_a_load_without_files_to_open_says_how_many_it_needs():
    limited = ["prlimit", "--nofile=256:256", PROGRAM, "demo", "--load", "50"]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1
    assert "the limit of open files (256) is too low for so many sessions: 1124 are needed" in done.stderr


def test_what_is_kept_up_can_be_tried_and_ends_without_a_trace(tmp_path):
    start = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    kept = subprocess.Popen([PROGRAM, "demo", "--keep"], env=environment, **start)
    client = None
    try:
        command = line_with(kept, " sandbox client --config ")
        assert list(tmp_path.iterdir())
        client = subprocess.Popen(shlex.split(command), **start)
        line_with(client, "* connected as ")
        client.stdin.write("Fish & chips?\n")
        client.stdin.flush()
        line_with(client, "= bob@gatekeeper.example: (to 1) You say: Fish & chips?")
        # She is still there: nobody waits for her to go.
        kept.send_signal(signal.SIGINT)
        assert kept.wait(timeout=DEADLINE) == 0
        assert not list(tmp_path.iterdir())
    finally:
        for process in (kept, client):
            if process:
                process.kill()
                process.communicate()


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_only_a_terminal_that_obeys_codes_gets_some(environment, coloured):
    ours, theirs = pty.openpty()
    shown = []
    reader = threading.Thread(target=read_all, args=(ours, shown))
    reader.start()
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    try:
        done = demo(capture_output=False, stdout=theirs, stderr=subprocess.DEVNULL, env=plain | environment)
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    assert done.returncode == 0
    assert (b"\x1b[" in b"".join(shown)) == coloured


def read_all(terminal, shown):
    """Reads until nobody writes any more, which a terminal tells by an error."""
    try:
        while data := os.read(terminal, 65536):
            shown.append(data)
    except OSError:
        pass


def wait_until_full(pipe):
    """Waits until something has been written into a pipe, and nothing more comes."""
    assert select.select([pipe], [], [], DEADLINE)[0]
    held, before = -1, -2
    while held != before:
        time.sleep(1)
        before, held = held, struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"    "))[0]


def test_a_story_that_nobody_reads_is_ended_by_a_signal(tmp_path):
    reading, writing = os.pipe()
    # One page: the story does not fit into it.
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen([PROGRAM, "demo"], stdout=writing, env=environment)
    os.close(writing)
    try:
        wait_until_full(reading)
        process.terminate()
        assert process.wait(DEADLINE) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
        os.close(reading)


def test_what_was_started_to_outlive_its_terminal_does():
    kept = subprocess.Popen(
        ["nohup", PROGRAM, "demo", "--keep"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        line_with(kept, " sandbox client --config ")
        kept.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            kept.wait(1)
        kept.send_signal(signal.SIGTERM)
        assert kept.wait(DEADLINE) == 0
    finally:
        kept.kill()
        kept.wait()
