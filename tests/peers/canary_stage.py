"""Where the canaries are let fly: a Vestibule whose hosts have marked names, the servers that it connects to, and
everything that leaves the process.

`outputs()` gives that by the sink that it belongs to. What belongs to none is an output, too.
"""

import asyncio
import contextlib
import http.client
import os
import socket
import ssl
import stat

import trustme

from names import DEADLINE
from process import Server, free_port
from raw import Connection, RawGatekeeper
from vestibule import POLICIES, PROGRAM

CONFIGURATION = """\
listeners:
  - {{ address: "127.0.0.1:{port}", tls: direct }}
hosts:{hosts}
upstreams:{upstreams}
metadata: metadata.yaml
access_log: {{ folder: ../work/access }}
audit_log: {{ folder: ../work/audit, retention: 365d }}
admin: {{ address: "127.0.0.1:{admin}" }}
max_connections: {connections}
"""

HOST = """
  {upstream}.{host}:
    server_names: [{sni}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: {upstream}
    content_types: {policies}/content-types/enforcing.yaml
    limits: limits.yaml"""

UPSTREAM = """
  {name}:
    endpoints: ["127.0.0.1:{port}"]
    server_name: gatekeeper.example
    roots: authority.pem
    connect_timeout: 2s"""

# For what ends by its time or is too much. Ordinary sessions have the shipped limits.
LOW_LIMITS = """\
timeouts: { tls_handshake: 2s, header: 2s, authentication: 3s, idle: 4s, write_stall: 3s }
rate: { stanza_burst: 5 }
"""
MAX_CONNECTIONS = 10

# What stands between the start of a program and its own first step: core dumps are allowed, as far as they can be.
START = 'cd "$0" && ulimit -S -c "$(ulimit -H -c)" && exec "$@" >output.txt 2>diagnostics.txt'

# Root may read the memory of every process. Without that right it may do so as every user may.
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []


class Stage:
    """One Vestibule with one metadata policy."""

    def __init__(self, folder, canaries, policy, low_limits=False):
        self.inputs, self.work = folder / "inputs", folder / "work"
        for made in [self.inputs, self.work / "access", self.work / "audit"]:
            made.mkdir(parents=True)
        self.canaries = canaries
        self.host = f"{canaries['host.configured']}.example"
        self.sni = f"{canaries['sni.configured']}.example"
        self.ports = {name: free_port() for name in UPSTREAMS}
        self.port, self.admin = free_port(), free_port()
        self.policy = self.inputs / "metadata.yaml"
        self.policy.write_bytes(policy)
        (self.inputs / "limits.yaml").write_text(LOW_LIMITS if low_limits else "{}")
        self._issue()
        configuration = self.inputs / "vestibule.yaml"
        configuration.write_text(self._configuration(MAX_CONNECTIONS if low_limits else 1000))
        self.keylog = folder / "keylog.txt"
        # What the peers got in errors, the gatekeeper of clients' streams, and what the admin server answered.
        self.told = {"errors": b"", "gatekeeper": b"", "metrics": b"", "status": b"", "admin": b""}
        program = [PROGRAM, "run", "--config", configuration, "--log-level", "trace"]
        ports = [self.port, self.admin]
        self.server = Server(["/bin/sh", "-c", START, self.work, *UNPRIVILEGED, *program], folder / "sh.txt", ports)

    def _issue(self):
        """Certificates of both sides; those of peers have markers in their names."""
        mark = self.canaries
        authority, stranger = trustme.CA(), trustme.CA()
        own = authority.issue_cert(self.sni)
        (self.inputs / "key.pem").touch(mode=0o600)
        own.private_key_pem.write_to_path(self.inputs / "key.pem")
        for link in own.cert_chain_pems:
            link.write_to_path(self.inputs / "chain.pem", append=True)
        authority.cert_pem.write_to_path(self.inputs / "authority.pem")
        marked = f"{mark['tls-hello.gatekeeper-certificate']}.example"
        self.tls = {
            "scripted": _server_context(authority.issue_cert("gatekeeper.example", marked, common_name=marked)),
            "untrusted": _server_context(stranger.issue_cert("gatekeeper.example", marked, common_name=marked)),
            "misnamed": _server_context(authority.issue_cert(marked, common_name=marked)),
        }
        name = f"{mark['tls-hello.certificate']}.example"
        self.client_certificate = trustme.CA(organization_name=name).issue_cert(name, common_name=name)

    def _configuration(self, connections):
        upstreams = "".join(UPSTREAM.format(name=name, port=port) for name, port in self.ports.items())
        hosts = "".join(
            HOST.format(upstream=name, host=self.host, sni=self.sni, policies=POLICIES) for name in self.ports
        )
        return CONFIGURATION.format(
            port=self.port, admin=self.admin, connections=connections, hosts=hosts, upstreams=upstreams
        )

    def to(self, upstream="scripted"):
        """The host that leads to an upstream."""
        return f"{upstream}.{self.host}"

    async def play(self, upstreams):
        """Starts the servers that Vestibule connects to; the one that is scripted is given back."""
        scripted = await RawGatekeeper.listen(self.ports["scripted"], self.tls["scripted"])
        upstreams.callback(scripted.close)
        garbage = self.canaries["tls-hello.gatekeeper-garbage"].encode()
        for name, said, tls in [
            ("untrusted", b"", self.tls["untrusted"]),
            ("misnamed", b"", self.tls["misnamed"]),
            ("closing", b"", self.tls["scripted"]),
            ("babbling", garbage * 8, None),
            ("babbling-inside", garbage * 8, self.tls["scripted"]),
        ]:
            server = await asyncio.start_server(_saying(said), "127.0.0.1", self.ports[name], ssl=tls)
            upstreams.callback(server.close)
        return scripted

    async def connect(self, server_name=None, alpn=("xmpp-client",), ciphers=None, trusting=True):
        """A TLS connection of a client that offers a certificate, and whose secrets are kept to look for them."""
        context = ssl.create_default_context(cafile=self.inputs / "authority.pem" if trusting else None)
        context.keylog_filename = str(self.keylog)
        self.client_certificate.configure_cert(context)
        context.set_alpn_protocols([*alpn, self.canaries["tls-hello.protocol"]])
        if ciphers:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
        name = server_name or self.sni
        return Connection(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name))

    async def hear(self, connection):
        """Reads what Vestibule says last on a connection: its errors, which are outputs, too."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.told["errors"] += await connection.read_all()

    def ask(self, sink, method, path, headers=()):
        """A request to the admin server; the whole answer is kept."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            self.told[sink] += f"{answer.status} {answer.reason}\n{answer.headers}".encode() + answer.read()

    def babble(self, request):
        """Bytes that are no request, to the admin server."""
        with socket.create_connection(("127.0.0.1", self.admin), timeout=DEADLINE) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while answer := connection.recv(65_536):
                self.told["admin"] += answer

    def metric(self, name):
        """The sum of a metric's samples."""
        self.ask("metrics", "GET", "/metrics")
        lines = self.told["metrics"].rpartition(b"200 OK\n")[2].decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))

    def said(self):
        """What the process has told of itself."""
        return (self.work / "diagnostics.txt").read_text(errors="replace")

    def outputs(self):
        """All that left the process, by sink."""
        outputs = dict(self.told)
        for path in self.work.rglob("*"):
            if not path.is_dir():
                sink = SINK_OF.get(path.relative_to(self.work).parts[0], f"file {path.name}")
                # The name of a file is told by it, too.
                outputs[sink] = outputs.get(sink, b"") + path.name.encode() + b"\n" + _contents(path)
        return outputs

    def stop(self):
        return self.server.terminate()


UPSTREAMS = ["scripted", "untrusted", "misnamed", "closing", "babbling", "babbling-inside", "refusing"]
SINK_OF = {"access": "access", "audit": "audit", "diagnostics.txt": "diagnostics", "output.txt": "output"}


def _server_context(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def _saying(said):
    """A server's way with each connection: some words, and the end."""

    async def say(reader, writer):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await reader.read(1)
            writer.write(said)
            await writer.drain()
            writer.close()

    return say


def _contents(path):
    """What stands in a file; there is nothing to read in a socket or a pipe."""
    return path.read_bytes() if stat.S_ISREG(os.stat(path).st_mode) else b""
