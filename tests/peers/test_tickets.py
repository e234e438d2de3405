"""TLS session tickets: a client that has been with one process resumes TLS with another one that has the same keys."""

import os
import signal
import socket
import ssl

import pytest

from names import DEADLINE
from process import eventually

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Keys:
    """Key files that processes share: `first` makes tickets."""

    def __init__(self, folder):
        self.files = [folder / "ticket-1.key", folder / "ticket-2.key"]
        self.first, self.second = os.urandom(48), os.urandom(48)
        self.write()

    def write(self):
        for file, key in zip(self.files, (self.first, self.second)):
            file.touch(mode=0o600)
            file.write_bytes(key)

    def rotate(self):
        self.first, self.second = os.urandom(48), self.first
        self.write()

    def configuration(self):
        return f"tickets: {{ keys: [{', '.join(map(str, self.files))}] }}\n"


class Visitor:
    """A TLS client that keeps what it is given."""

    def __init__(self, door, version):
        self.context = ssl.create_default_context(cafile=door.authority)
        self.context.minimum_version = self.context.maximum_version = version

    def visit(self, proxy, session=None):
        """A connection: whether it resumed `session`, and the session that came of it."""
        with (
            socket.create_connection(("127.0.0.1", proxy.port), timeout=DEADLINE) as tcp,
            self.context.wrap_socket(tcp, server_hostname=proxy.door.server_name, session=session) as tls,
        ):
            # In TLS 1.3 the ticket comes with what is read first: the refusal of this.
            tls.sendall(b"<!--")
            while tls.recv(4096):
                pass
            return tls.session_reused, tls.session


async def reload(proxy):
    accepted = lambda: proxy.metric("vestibule_reloads_total", result="accepted")
    before = accepted()
    proxy.signal(signal.SIGHUP)
    await eventually(lambda: accepted() == before + 1)


async def test_a_session_is_resumed_with_another_process_until_its_key_is_gone(start_vestibule, tmp_path):
    keys = Keys(tmp_path)
    one, other = [start_vestibule(extra=keys.configuration()) for _ in range(2)]
    # Both have certificates of the same authority.
    visitor = Visitor(one.door, ssl.TLSVersion.TLSv1_3)
    resumed, session = visitor.visit(one)
    assert not resumed
    assert visitor.visit(other, session)[0]
    keys.rotate()
    await reload(other)
    assert visitor.visit(other, session)[0], "the key is the second one now"
    keys.rotate()
    await reload(other)
    assert not visitor.visit(other, session)[0], "the key is gone"
    assert visitor.visit(one, session)[0], "this process was not told"
    assert visitor.visit(other, visitor.visit(other)[1])[0]


async def test_under_given_keys_no_session_of_tls_1_2_is_resumed(start_vestibule, tmp_path):
    proxy = start_vestibule(extra=Keys(tmp_path).configuration())
    visitor = Visitor(proxy.door, ssl.TLSVersion.TLSv1_2)
    _, session = visitor.visit(proxy)
    assert not visitor.visit(proxy, session)[0]


@pytest.mark.parametrize("version", VERSIONS)
async def test_without_keys_each_process_has_its_own(start_vestibule, version):
    one, other = start_vestibule(), start_vestibule()
    visitor = Visitor(one.door, version)
    _, session = visitor.visit(one)
    assert visitor.visit(one, session)[0]
    assert not visitor.visit(other, session)[0]


async def test_a_key_of_a_wrong_length_changes_nothing(start_vestibule, tmp_path):
    keys = Keys(tmp_path)
    proxy = start_vestibule(extra=keys.configuration())
    visitor = Visitor(proxy.door, ssl.TLSVersion.TLSv1_3)
    _, session = visitor.visit(proxy)
    keys.second += b"\n"
    keys.write()
    proxy.signal(signal.SIGHUP)
    await eventually(lambda: proxy.metric("vestibule_reloads_total", result="refused") == 1)
    await eventually(lambda: "a ticket key has 48 bytes" in proxy.said())
    assert visitor.visit(proxy, session)[0]
