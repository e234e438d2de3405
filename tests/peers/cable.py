"""A network of its own that a cable joins with this machine: who is in it vanishes without a word when it is cut."""

import contextlib
import ctypes
import ipaddress
import socket
import subprocess
import threading

from names import DEADLINE

CLONE_NEWNET = 0x4000_0000

# For tests of networks (RFC 2544): nothing else uses them.
ADDRESSES = ipaddress.ip_network("198.18.0.0/15")


class Cable:
    """`here` is the address of this machine's end, `there` of the other one. Each process has its own."""

    def __init__(self):
        # It ends with this process, however this ends, and with it the network and both ends of the cable.
        self.holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.name = f"v{self.holder.pid}"
        serial = self.holder.pid % (ADDRESSES.num_addresses // 4)
        network = ipaddress.ip_network((ADDRESSES[4 * serial], 30))
        self.here, self.there = map(str, network.hosts())
        try:
            self._lay(network.prefixlen)
        except BaseException:
            self.remove()
            raise

    def _lay(self, prefix):
        # What it says, it says when it is in its network.
        self.holder.stdin.write(b"\n")
        self.holder.stdin.flush()
        assert self.holder.stdout.readline() == b"\n"
        run("ip", "link", "add", self.name, "type", "veth", "peer", "name", "inside", "netns", str(self.holder.pid))
        run("ip", "address", "add", f"{self.here}/{prefix}", "dev", self.name)
        run("ip", "link", "set", self.name, "up")
        self._inside("address", "add", f"{self.there}/{prefix}", "dev", "inside")
        self._inside("link", "set", "inside", "up")

    def _inside(self, *arguments):
        run("nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "ip", *arguments)

    def cut(self):
        """From now on nothing gets through, and neither end is told."""
        self._inside("link", "set", "inside", "down")

    def remove(self):
        # The network lives on while a socket of it does. The cable must not.
        with contextlib.suppress(subprocess.CalledProcessError):
            run("ip", "link", "del", self.name)
        self.holder.kill()
        self.holder.communicate()

    def connect(self, port):
        """A socket there that is connected to this port here."""
        return self._made_there(lambda: socket.create_connection((self.here, port), timeout=DEADLINE))

    def listen(self):
        """A socket there that listens."""
        return self._made_there(lambda: socket.create_server((self.there, 0)))

    def _made_there(self, make):
        """A socket belongs to the network in which the thread is that makes it."""
        made = []

        def enter_and_make():
            with open(f"/proc/{self.holder.pid}/ns/net") as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(make())

        thread = threading.Thread(target=enter_and_make)
        thread.start()
        thread.join()
        made[0].setblocking(False)
        return made[0]


def run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE)
