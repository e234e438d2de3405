"""A real Vestibule between the clients and the gatekeeper: its configuration, its process, what it lets out."""

import json
import os
import re
import signal
import ssl
import subprocess
import urllib.request
from collections import Counter
from pathlib import Path

from client import Door
from names import (
    DEADLINE,
    DISCO_CARRIER,
    EJABBERD,
    ELSEWHERE,
    ELSEWHERE_NAME,
    ENFORCING,
    GATEKEEPER,
    INTEROP,
    PRESENCE_CARRIER,
    SASL2,
    SCRIPTED,
    UNREACHABLE,
    UNTRUSTED,
)
from process import Server, free_port

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("VESTIBULE_BIN", REPOSITORY / "target/release/vestibule"))
POLICIES = REPOSITORY / "policies"

CONFIGURATION = """\
listeners:
  - address: 127.0.0.1:{port}
    tls: direct{balancers}
  - address: 127.0.0.1:{plain_port}
    tls: starttls
hosts:{hosts}
upstreams:{upstreams}
metadata: {metadata}
admin: {{ address: "127.0.0.1:{admin}" }}
drain: {drain}
{extra}"""

HOST = """
  {name}:
    server_names: [{server_names}]
    certificate: {{ chain: {certificate}.pem, key: {certificate}-key.pem }}
    upstream: {upstream}
    limits: {limits}"""

CONTENT_TYPES = """
    content_types: {file}"""

UPSTREAM = """
  {name}:
    endpoints: ["127.0.0.1:{port}"]
    transport: {transport}
    server_name: {server_name}
    roots: {roots}
    signals: {signals}
    network: private"""

BALANCERS = """
    proxy_protocol: required
    trusted_proxies: [{balancers}]"""

# A client that can receive text and nothing else. Images and videos are taken out, of everything else a text is left.
ENFORCEMENT_POLICY = """\
dialect: {policies}/dialects/xmpp.yaml
carriers: [bind]
profiles:
  text-only:
    accept:
      - {{ class: text, type: text/plain;charset=utf-8 }}
      - {{ class: text, type: text/plain;charset=utf-8, conversation: group }}
default: text-only
enforce:
  rules:
    - {{ class: image, then: withhold }}
    - {{ class: video, then: withhold }}
  otherwise: fallback
  texts:
    en: {{ any: "This cannot be shown here." }}
    de: {{ any: "Das kann hier nicht gezeigt werden." }}
"""

REFUSALS = r'^vestibule_gate_refusals_total{kind="([a-z0-9-]+)",side="([a-z]+)"} ([0-9]+)$'

# Files of certificates: the one that all hosts share but the one that has its own.
OWN = "chain"
OTHER = "elsewhere"

BIND = POLICIES / "content-types/default.yaml"
PRESENCE = "presence.yaml"
DISCO = "disco.yaml"
ENFORCEMENT = "enforcement.yaml"

# Each host with its upstream, its content types and, unless it is INTEROP, its server names.
HOSTS = {
    GATEKEEPER: ("prosody", BIND),
    PRESENCE_CARRIER: ("prosody", PRESENCE),
    SASL2: ("prosody", BIND),
    SCRIPTED: ("scripted", None),
    UNTRUSTED: ("untrusted", None),
    UNREACHABLE: ("unreachable", None),
    ELSEWHERE: ("prosody", None, ELSEWHERE_NAME),
}

# The same for those of which each has a process to itself. aioxmpp names the host in SNI and can name nothing else.
CAPABILITIES_HOSTS = {
    DISCO_CARRIER: ("prosody", DISCO, INTEROP, DISCO_CARRIER),
    EJABBERD: ("ejabberd", DISCO, INTEROP, EJABBERD),
}
ENFORCING_HOSTS = {ENFORCING: ("prosody", ENFORCEMENT)}


class Vestibule:
    """`transport` is the way to all upstreams, and `gatekeeper_port` is of that way. `balancers` are who may connect, with
    a PROXY header; `signals` is how the gatekeepers are told of clients; `metadata` is the text of a policy in the place
    of the shipped one; `sockets` are handed over, the first one for the first listener; `env` is beside the test's own;
    `extra` is further text of the configuration."""

    def __init__(
        self,
        folder,
        authority,
        stranger,
        gatekeeper_port,
        hosts=HOSTS,
        ejabberd_port=None,
        log_level="info",
        transport="tls",
        balancers=None,
        signals="off",
        metadata=None,
        limits=None,
        drain="{ spread: 0s }",
        extra="",
        sockets=(),
        env=None,
    ):
        self.hosts = hosts
        self.transport = transport
        self.balancers = BALANCERS.format(balancers=balancers) if balancers else ""
        self.signals = signals
        self.metadata = POLICIES / "metadata/operations.yaml"
        if metadata:
            self.metadata = folder / "metadata.yaml"
            self.metadata.write_text(metadata)
        self.limits = folder / "limits.yaml"
        self.limits.write_text(limits or _limits_for_many_tests())
        self.drain, self.extra = drain, extra
        self.port = sockets[0].getsockname()[1] if sockets else free_port()
        self.plain_port = free_port()
        self.admin = free_port()
        self.scripted_port = free_port()
        self.scripted_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(SCRIPTED).configure_cert(self.scripted_tls)
        # aioxmpp, and @xmpp/client with STARTTLS, want it to be for the host.
        _issue(authority, folder, OWN, INTEROP, DISCO_CARRIER, EJABBERD, SASL2)
        _issue(authority, folder, OTHER, ELSEWHERE_NAME)
        authority.cert_pem.write_to_path(folder / "authority.pem")
        self.door = Door(self.port, INTEROP, folder / "authority.pem")
        self.plain_door = Door(self.plain_port, INTEROP, folder / "authority.pem", starttls=True)
        stranger.cert_pem.write_to_path(folder / "stranger.pem")
        (folder / PRESENCE).write_text(_policy("presence"))
        (folder / DISCO).write_text(_policy("disco"))
        (folder / ENFORCEMENT).write_text(ENFORCEMENT_POLICY.format(policies=POLICIES))
        configuration = folder / "vestibule.yaml"
        configuration.write_text(self._configuration(gatekeeper_port, ejabberd_port))
        self.output = folder / "output.txt"
        command = [PROGRAM, "run", "--config", configuration, "--log-level", log_level]
        ports = [self.port, self.plain_port, self.admin]
        self.server = Server(command, self.output, ports, env=dict(os.environ) | (env or {}), sockets=sockets)

    def _configuration(self, gatekeeper_port, ejabberd_port):
        upstreams = {
            "prosody": (gatekeeper_port, GATEKEEPER, "authority.pem"),
            "ejabberd": (ejabberd_port, EJABBERD, "authority.pem"),
            "scripted": (self.scripted_port, SCRIPTED, "authority.pem"),
            # Its certificate is not signed by whom this upstream trusts.
            "untrusted": (gatekeeper_port, GATEKEEPER, "stranger.pem"),
            "unreachable": (free_port(), GATEKEEPER, "authority.pem"),
        }
        return CONFIGURATION.format(
            port=self.port,
            plain_port=self.plain_port,
            admin=self.admin,
            drain=self.drain,
            extra=self.extra,
            balancers=self.balancers,
            metadata=self.metadata,
            hosts="".join(_host(name, self.limits, *rest) for name, rest in self.hosts.items()),
            upstreams="".join(
                UPSTREAM.format(
                    name=name,
                    port=port,
                    server_name=server_name,
                    roots=roots,
                    transport=self.transport,
                    signals=self.signals,
                )
                for name, (port, server_name, roots) in upstreams.items()
                if any(host[0] == name for host in self.hosts.values())
            ),
        )

    def get(self, path):
        """Status and text of a page of the admin server."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}")
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, answer.read().decode()

    def metric(self, name, **labels):
        """The sum of the samples of metric `name` that have these labels; None when there is no such sample."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        values = [
            float(line.rsplit(" ", 1)[1])
            for line in self.get("/metrics")[1].splitlines()
            if line.startswith((f"{name}{{", f"{name} ")) and all(label in line for label in wanted)
        ]
        return sum(values) if values else None

    def refusals(self):
        """How many streams the gate refused so far, by kind and side."""
        samples = re.findall(REFUSALS, self.get("/metrics")[1], re.MULTILINE)
        return Counter({(kind, side): int(count) for kind, side, count in samples})

    def written(self, event, since=0):
        """The lines of the access log about `event`, from the character `since` of what the process said."""
        lines = self.said()[since:].splitlines()
        return [line for line in map(json.loads, filter(_is_object, lines)) if line["event"] == event]

    def said(self):
        """All that left the process on its standard streams so far."""
        return self.server.said()

    def signal(self, number=signal.SIGTERM):
        """Asks it to end, and does not wait."""
        self.server.signal(number)

    def stop(self):
        return self.server.terminate()

    def wait(self):
        """Waits until it has ended, and gives the exit code."""
        return self.server.process.wait(timeout=DEADLINE)


def inspect(data):
    """What `vestibule inspect` says last of one direction of a stream: a frame or a refusal."""
    done = subprocess.run([PROGRAM, "inspect"], input=data, capture_output=True, timeout=DEADLINE)
    return done.stdout.decode().splitlines()[-1]


def _is_object(line):
    return line.startswith("{") and line.endswith("}")


def _policy(carrier):
    """The shipped policy with another carrier."""
    text = BIND.read_text()
    for written, meant in [("[bind]", f"[{carrier}]"), ("../dialects", f"{POLICIES}/dialects")]:
        assert written in text, f"the shipped policy has no {written}"
        text = text.replace(written, meant)
    return text


def _issue(authority, folder, file, *names):
    """A certificate for these names, and its key; one that others can read is refused."""
    certificate, key = authority.issue_cert(*names), folder / f"{file}-key.pem"
    key.touch(mode=0o600)
    certificate.private_key_pem.write_to_path(key)
    for link in certificate.cert_chain_pems:
        link.write_to_path(folder / f"{file}.pem", append=True)


def _limits_for_many_tests():
    """The shipped limits, but for what an address may do in the course of time: all tests come from one, as fast as they can."""
    text = (POLICIES / "limits/default.yaml").read_text()
    for shipped, here in [("burst: 512", "burst: 100000"), ("burst: 120", "burst: 100000")]:
        assert text.count(shipped) == 1, f"policies/limits/default.yaml says '{shipped}' no longer"
        text = text.replace(shipped, here)
    return text


def _host(name, limits, upstream, content_types, *server_names):
    names = ", ".join(server_names or [INTEROP])
    certificate = OTHER if ELSEWHERE_NAME in server_names else OWN
    text = HOST.format(name=name, server_names=names, certificate=certificate, upstream=upstream, limits=limits)
    return text + CONTENT_TYPES.format(file=content_types) if content_types else text
