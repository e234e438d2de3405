"""A real Vestibule between the clients and the gatekeeper: its configuration, its process, what it lets out."""

import os
import ssl
import urllib.request
from pathlib import Path

from client import Door
from names import DEADLINE, GATEKEEPER, INTEROP, PRESENCE_CARRIER, SASL2, SCRIPTED, UNREACHABLE, UNTRUSTED
from process import Server, free_port

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("VESTIBULE_BIN", REPOSITORY / "target/release/vestibule"))
POLICIES = REPOSITORY / "policies"

CONFIGURATION = """\
listeners:
  - address: 127.0.0.1:{port}
    tls: direct
hosts:
  {host}:
    server_names: [{interop}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: gatekeeper
    content_types: {policies}/content-types/default.yaml
    limits: {policies}/limits/default.yaml
  {presence_host}:
    server_names: [{interop}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: gatekeeper
    content_types: presence.yaml
    limits: {policies}/limits/default.yaml
  {sasl2_host}:
    server_names: [{interop}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: gatekeeper
    content_types: {policies}/content-types/default.yaml
    limits: {policies}/limits/default.yaml
  {untrusted}:
    server_names: [{interop}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: untrusted
    content_types: {policies}/content-types/default.yaml
    limits: {policies}/limits/default.yaml
  {unreachable}:
    server_names: [{interop}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: unreachable
    content_types: {policies}/content-types/default.yaml
    limits: {policies}/limits/default.yaml
  # Nothing is edited here, so that every byte can be compared.
  {scripted}:
    server_names: [{interop}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: scripted
    limits: {policies}/limits/default.yaml
upstreams:
  gatekeeper:
    endpoints: ["127.0.0.1:{gatekeeper}"]
    transport: tls
    server_name: {host}
    roots: authority.pem
    signals: off
  # The same server, but its certificate is not signed by whom this upstream trusts.
  untrusted:
    endpoints: ["127.0.0.1:{gatekeeper}"]
    transport: tls
    server_name: {host}
    roots: stranger.pem
    signals: off
  unreachable:
    endpoints: ["127.0.0.1:{nobody}"]
    transport: tls
    server_name: {host}
    roots: authority.pem
    signals: off
  scripted:
    endpoints: ["127.0.0.1:{scripted_port}"]
    transport: tls
    server_name: {scripted}
    roots: authority.pem
    signals: off
metadata: {policies}/metadata/operations.yaml
admin: {{ address: "127.0.0.1:{admin}" }}
"""


class Vestibule:
    def __init__(self, folder, authority, stranger, gatekeeper_port):
        self.port = free_port()
        self.admin = free_port()
        self.scripted_port = free_port()
        self.scripted_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(SCRIPTED).configure_cert(self.scripted_tls)
        certificate = authority.issue_cert(INTEROP)
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        for link in certificate.cert_chain_pems:
            link.write_to_path(folder / "chain.pem", append=True)
        authority.cert_pem.write_to_path(folder / "authority.pem")
        self.door = Door(self.port, INTEROP, folder / "authority.pem")
        stranger.cert_pem.write_to_path(folder / "stranger.pem")
        shipped = (POLICIES / "content-types/default.yaml").read_text()
        assert "carrier: bind" in shipped
        (folder / "presence.yaml").write_text(shipped.replace("carrier: bind", "carrier: presence"))
        configuration = folder / "vestibule.yaml"
        configuration.write_text(
            CONFIGURATION.format(
                port=self.port,
                admin=self.admin,
                gatekeeper=gatekeeper_port,
                nobody=free_port(),
                host=GATEKEEPER,
                presence_host=PRESENCE_CARRIER,
                sasl2_host=SASL2,
                untrusted=UNTRUSTED,
                unreachable=UNREACHABLE,
                scripted=SCRIPTED,
                scripted_port=self.scripted_port,
                interop=INTEROP,
                policies=POLICIES,
            )
        )
        self.output = folder / "output.txt"
        self.server = Server([PROGRAM, "run", "--config", configuration], self.output, [self.port, self.admin])

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

    def said(self):
        """All that left the process on its standard streams so far."""
        return self.server.said()

    def stop(self):
        return self.server.terminate()
