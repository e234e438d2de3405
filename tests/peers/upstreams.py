"""A Vestibule before endpoints that a test starts, kills and freezes, and a real DNS server that names them."""

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

from client import Door
from names import DEADLINE, INTEROP, SCRIPTED
from process import Server, free_port
from raw import Connection, stream_header
from vestibule import POLICIES, PROGRAM

# Clients come from these addresses, so that all endpoints have some.
CLIENTS = [f"127.0.1.{number}" for number in range(1, 25)]

# What a client is told when none answers.
UNREACHABLE = "remote-connection-failed"

CONFIGURATION = """\
listeners:
  - address: {address}:{port}
hosts:
  {host}:
    server_names: [{interop}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: gatekeeper
upstreams:
  gatekeeper:
{upstream}
    server_name: {server_name}
    roots: authority.pem
    signals: off
metadata: {policies}/metadata/default-deny.yaml
admin: {{ address: "127.0.0.1:{admin}" }}
drain: {{ spread: 0s }}
workers: 2
{more}
"""

DNS = """\
port={port}
listen-address={address}
bind-interfaces
no-resolv
no-hosts
no-daemon
user=root
pid-file=
local=/{domain}/
local-ttl={ttl}
"""


def issue(authority, folder, *names, prefix="", **validity):
    """A certificate with its key, as PEM files."""
    certificate = authority.issue_cert(*names, **validity)
    (folder / f"{prefix}key.pem").touch(mode=0o600)
    certificate.private_key_pem.write_to_path(folder / f"{prefix}key.pem")
    chain = b"".join(link.bytes() for link in certificate.cert_chain_pems)
    (folder / f"{prefix}chain.pem").write_bytes(chain)
    authority.cert_pem.write_to_path(folder / "authority.pem")


class Endpoint:
    """A server of the gatekeeper `scripted.example`. It can be started again at the same place."""

    def __init__(self, folder, authority, name, address="127.0.0.1", port=None, demands=False):
        folder.mkdir(exist_ok=True)
        issue(authority, folder, SCRIPTED)
        self.name, self.address, self.folder = name, address, folder
        self.port = port or free_port()
        self.demands = [folder / "authority.pem"] if demands else []
        self.start()

    def start(self):
        script = Path(__file__).with_name("endpoint.py")
        files = [self.folder / "chain.pem", self.folder / "key.pem", *self.demands]
        command = [sys.executable, script, self.address, str(self.port), self.name, *files]
        self.server = Server(command, self.folder / "output.txt", [], ready=(self.address, self.port))

    def freeze(self):
        self.server.signal(signal.SIGSTOP)

    def thaw(self):
        self.server.signal(signal.SIGCONT)

    def kill(self):
        self.server.kill()


class Dns:
    """A real DNS server that knows one domain."""

    def __init__(self, folder, domain=SCRIPTED):
        self.folder, self.domain = folder, domain
        self.address, self.port = "127.0.0.1", free_port()
        self.server = None

    def move_to_the_usual_port(self):
        """To where programs look for it that are told no port; at an address that nobody else has."""
        self.address, self.port = f"127.53.{os.getpid() // 256 % 256}.{os.getpid() % 256}", 53

    def serve(self, *lines, ttl=1):
        """Serves these records from now on."""
        self.stop()
        text = DNS.format(address=self.address, port=self.port, domain=self.domain, ttl=ttl) + "\n".join(lines) + "\n"
        (self.folder / "dnsmasq.conf").write_text(text)
        command = ["/usr/sbin/dnsmasq", f"--conf-file={self.folder}/dnsmasq.conf"]
        self.server = Server(command, self.folder / "dnsmasq.txt", [], ready=(self.address, self.port))

    def srv(self, target, port, priority=0, weight=0, service="_xmpps-client"):
        return f"srv-host={service}._tcp.{self.domain},{target},{port},{priority},{weight}"

    def stop(self):
        if self.server:
            self.server.kill()
            self.server = None


class Proxy:
    """A Vestibule with one upstream, of which `upstream` gives the lines on how to reach it."""

    def __init__(self, folder, authority, upstream, more="", address="127.0.0.1", host=SCRIPTED, server_name=SCRIPTED):
        folder.mkdir(exist_ok=True)
        issue(authority, folder, INTEROP)
        self.port, self.admin = free_port(), free_port()
        self.address = address
        self.host = host
        self.door = Door(self.port, INTEROP, folder / "authority.pem")
        self.configuration = folder / "vestibule.yaml"
        self.configuration.write_text(
            CONFIGURATION.format(
                address=address,
                port=self.port,
                admin=self.admin,
                host=host,
                interop=INTEROP,
                upstream="\n".join(f"    {line}" for line in upstream),
                server_name=server_name,
                policies=POLICIES,
                more=more,
            )
        )
        self.folder = folder

    def start(self, resolv_conf=None):
        """`resolv_conf` is the text of a file that it sees in the place of the machine's."""
        command = [PROGRAM, "run", "--config", self.configuration]
        if resolv_conf:
            file = self.folder / "resolv.conf"
            file.write_text(resolv_conf)
            mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", mount, file, *command]
        self.server = Server(command, self.folder / "output.txt", [self.admin], ready=(self.address, self.port))
        return self

    def check(self):
        """What `check --connect` prints, and its exit code."""
        command = [PROGRAM, "check", "--config", self.configuration, "--connect"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
        return done.stdout + done.stderr, done.returncode

    async def open(self, client=None):
        """A client's TLS connection, from this address."""
        context = ssl.create_default_context(cafile=self.door.authority)
        source = (client, 0) if client else None
        reader, writer = await asyncio.open_connection(
            self.address, self.port, ssl=context, server_hostname=INTEROP, local_addr=source
        )
        return Connection(reader, writer)

    async def answered(self, client=None):
        """What a client at this address is answered up to the features, or to the end."""
        connection = await self.open(client)
        await connection.send(stream_header(self.host))
        try:
            return (await connection.read_until(b"</stream:features>")).decode()
        except asyncio.IncompleteReadError as end:
            return end.partial.decode()
        finally:
            connection.cut()

    async def answer(self, client=None):
        """The name of the endpoint that answers a client at this address; all that it is answered if none does."""
        answered = await self.answered(client)
        found = re.search("id='([a-z0-9]+) from [0-9a-f.:]+'", answered)
        return found[1] if found else answered

    def status(self):
        """How many endpoint addresses are up and ejected."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/status", timeout=DEADLINE) as answer:
            upstream = json.loads(answer.read())["upstreams"]["gatekeeper"]
        return {state: upstream[state] for state in ["up", "ejected"]}

    def metric(self, sample):
        """The value of one sample; None when there is none."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=DEADLINE) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(sample + " "):
                    return float(line.rsplit(" ", 1)[1])
        return None

    def stop(self):
        self.server.kill()


def listed(*endpoints):
    return "endpoints: [" + ", ".join(f'"{one.address}:{one.port}"' for one in endpoints) + "]"


def by_srv(dns):
    return {"more": f'resolver: {{ nameservers: ["127.0.0.1:{dns.port}"] }}'}


async def answers(proxy, clients=CLIENTS):
    return {client: await proxy.answer(client) for client in clients}


async def until(proxy, client, expected):
    """Comes again until the endpoint answers."""
    async with asyncio.timeout(DEADLINE):
        while await proxy.answer(client) != expected:
            await asyncio.sleep(0.2)
