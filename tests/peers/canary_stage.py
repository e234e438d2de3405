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
from proxy_header import tlv, v2
from raw import Connection, RawGatekeeper
from upstreams import Dns
from vestibule import POLICIES, PROGRAM

CONFIGURATION = """\
listeners:
  - {{ address: "127.0.0.1:{port}", tls: direct }}
  - {{ address: "127.0.0.1:{plain_port}", tls: starttls }}
  - {{ address: "127.0.0.1:{balanced}", proxy_protocol: required, trusted_proxies: [{balancer}, 127.0.0.1] }}
hosts:{hosts}
upstreams:{upstreams}
metadata: metadata.yaml
access_log: {{ folder: ../work/access }}
audit_log: {{ folder: ../work/audit, retention: 365d }}
admin: {{ address: "127.0.0.1:{admin}" }}
drain: {{ spread: 0s }}
max_connections: {connections}
resolver: {{ nameservers: ["127.0.0.1:{dns}"] }}
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
    transport: {transport}
    server_name: gatekeeper.example
    roots: authority.pem
    connect_timeout: 2s{more}"""

# No address of this machine.
ELSEWHERE = """
    source_addresses: [192.0.2.1]"""

# Its records name the servers by markers. What the gatekeeper is shown has one, too.
SRV = """
  {name}:
    srv: {name}.example
    client_certificate: {{ chain: own.pem, key: own-key.pem }}
    server_name: gatekeeper.example
    roots: authority.pem
    connect_timeout: 2s"""

# Whom the sessions come by, and whose they are.
BALANCER = "127.77.66.55"
CLIENT = "203.0.113.77"

# Every session begins with a password that is wrong, and all of them come from one address. Otherwise these are the
# shipped limits.
LIMITS = """\
connections: { failed_authentications: { burst: 1000 } }
"""

# For what ends by its time or is too much. The sessions that are to come further are within all of it, also with the
# password that each of them begins with.
MAX_CONNECTIONS, AT_ONCE, BURST, FAILURES = 10, 6, 10, 5
LOW_LIMITS = f"""\
timeouts: {{ tls_handshake: 2s, header: 2s, authentication: 3s, idle: 4s, write_stall: 3s }}
from_client: {{ rate: {{ stanza_burst: 5 }} }}
connections:
  at_once: {AT_ONCE}
  per_second: 1
  burst: {BURST}
  failed_authentications: {{ per_minute: 1, burst: {FAILURES} }}
"""

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
        self.port, self.plain_port, self.balanced, self.admin = (free_port() for _ in range(4))
        self.policy = self.inputs / "metadata.yaml"
        self.policy.write_bytes(policy)
        (self.inputs / "limits.yaml").write_text(LOW_LIMITS if low_limits else LIMITS)
        self._issue()
        self.dns = Dns(folder, domain="example")
        configuration = self.inputs / "vestibule.yaml"
        configuration.write_text(self._configuration(MAX_CONNECTIONS if low_limits else 1000))
        self.keylog = folder / "keylog.txt"
        # What the peers got in errors, the gatekeeper of clients' streams, and what the admin server answered.
        self.told = {"errors": b"", "gatekeeper": b"", "metrics": b"", "status": b"", "admin": b""}
        program = [PROGRAM, "run", "--config", configuration, "--log-level", "trace"]
        ports = [self.port, self.plain_port, self.balanced, self.admin]
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
            "demanding": _server_context(authority.issue_cert("gatekeeper.example", marked, common_name=marked)),
            "misnamed": _server_context(authority.issue_cert(marked, common_name=marked)),
        }
        shown = f"{mark['tls-hello.own-certificate']}.example"
        certificate = authority.issue_cert(shown, common_name=shown, organization_name=shown)
        (self.inputs / "own-key.pem").touch(mode=0o600)
        certificate.private_key_pem.write_to_path(self.inputs / "own-key.pem")
        certificate.cert_chain_pems[0].write_to_path(self.inputs / "own.pem")
        self.tls["demanding"].load_verify_locations(cafile=self.inputs / "authority.pem")
        self.tls["demanding"].verify_mode = ssl.CERT_OPTIONAL
        name = f"{mark['tls-hello.certificate']}.example"
        self.client_certificate = trustme.CA(organization_name=name).issue_cert(name, common_name=name)

    def _configuration(self, connections):
        upstreams = "".join(
            SRV.format(name=name) if name in BY_SRV
            else UPSTREAM.format(
                name=name,
                port=port,
                transport="starttls" if name in BY_STARTTLS else "tls",
                more=ELSEWHERE if name == "sourceless" else "",
            )
            for name, port in self.ports.items()
        )
        hosts = "".join(
            HOST.format(upstream=name, host=self.host, sni=self.sni, policies=POLICIES) for name in self.ports
        )
        return CONFIGURATION.format(
            port=self.port,
            plain_port=self.plain_port,
            balanced=self.balanced,
            balancer=BALANCER,
            admin=self.admin,
            connections=connections,
            hosts=hosts,
            upstreams=upstreams,
            dns=self.dns.port,
        )

    def _records(self):
        """One upstream's server has an address, the other's has none."""
        known, unknown = (f"{self.canaries[place]}.example" for place in ["dns-answer.target", "dns-answer.unknown"])
        service = "srv-host=_xmpps-client._tcp"
        return [
            f"host-record={known},127.0.0.1",
            f"{service}.named.example,{known},{self.ports['named']}",
            f"{service}.nameless.example,{unknown},5223",
        ]

    def to(self, upstream="scripted"):
        """The host that leads to an upstream."""
        return f"{upstream}.{self.host}"

    async def play(self, upstreams):
        """Starts the servers that Vestibule connects to; the one that is scripted is given back."""
        self.dns.serve(*self._records())
        upstreams.callback(self.dns.stop)
        scripted = await RawGatekeeper.listen(self.ports["scripted"], self.tls["scripted"])
        upstreams.callback(scripted.close)
        garbage = self.canaries["tls-hello.gatekeeper-garbage"].encode()
        for name, said, tls in [
            ("untrusted", b"", self.tls["untrusted"]),
            ("misnamed", b"", self.tls["misnamed"]),
            ("closing", b"", self.tls["scripted"]),
            ("named", b"", self.tls["demanding"]),
            ("silent", None, None),
            ("babbling", garbage * 8, None),
            ("babbling-inside", garbage * 8, self.tls["scripted"]),
        ]:
            server = await asyncio.start_server(_saying(said), "127.0.0.1", self.ports[name], ssl=tls)
            upstreams.callback(server.close)
        return scripted

    async def connect(self, server_name=None, **options):
        """A TLS connection of a client that offers a certificate, and whose secrets are kept to look for them. It comes
        by a balancer, which says a lot of it."""
        context, name = self._client_context(**options), server_name or self.sni
        reader, writer = await self.balancer(self.header())
        await writer.start_tls(context, server_hostname=name)
        return Connection(reader, writer)

    async def connect_plainly(self):
        """A connection in the clear, on which `begin_tls` may follow."""
        return Connection(*await asyncio.open_connection("127.0.0.1", self.plain_port))

    async def begin_tls(self, connection):
        await connection.writer.start_tls(self._client_context(), server_hostname=self.sni)

    async def balancer(self, header, address=BALANCER):
        """A connection from the balancer's address that begins with a header."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.balanced, local_addr=(address, 0))
        writer.write(header)
        return reader, writer

    def header(self):
        """A PROXY header with markers in TLVs of every kind, those inside of the one about TLS among them."""
        marker = self.canaries["proxy-header.tlv"].encode()
        about_tls = b"\x07\0\0\0\0" + b"".join(tlv(kind, marker) for kind in range(0x21, 0x29))
        kinds = [0x01, 0x02, 0x04, 0x05, 0x30, 0xE0, 0xEA, 0xEE]
        return v2(CLIENT, 50_000, tlv(0x20, about_tls) + b"".join(tlv(kind, marker) for kind in kinds))

    def _client_context(self, alpn=("xmpp-client",), ciphers=None, trusting=True):
        context = ssl.create_default_context(cafile=self.inputs / "authority.pem" if trusting else None)
        context.keylog_filename = str(self.keylog)
        self.client_certificate.configure_cert(context)
        context.set_alpn_protocols([*alpn, self.canaries["tls-hello.protocol"]])
        if ciphers:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(ciphers)
        return context

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


BY_STARTTLS = ["plain", "plain-scripted"]
BY_SRV = ["named", "nameless"]
UPSTREAMS = [
    *["scripted", "untrusted", "misnamed", "closing", "babbling", "babbling-inside"],
    *["refusing", "silent", "sourceless"],
    *BY_STARTTLS,
    *BY_SRV,
]
SINK_OF = {"access": "access", "audit": "audit", "diagnostics.txt": "diagnostics", "output.txt": "output"}


def _server_context(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def _saying(said):
    """A server's way with each connection: some words, and the end. `None`: it listens until the other side goes."""

    async def say(reader, writer):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await reader.read(1 if said is not None else -1)
            writer.write(said or b"")
            await writer.drain()
            writer.close()

    return say


def _contents(path):
    """What stands in a file; there is nothing to read in a socket or a pipe."""
    return path.read_bytes() if stat.S_ISREG(os.stat(path).st_mode) else b""
