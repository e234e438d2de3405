"""The sandbox's provider and gatekeeper as processes of their own, and a Vestibule before that gatekeeper: what a
developer starts to try a client (docs/interop.md)."""

import json
import ssl
import subprocess
import urllib.error
import urllib.request

from client import Door
from names import DEADLINE, GATEKEEPER, INTEROP, PASSWORD
from process import Server, free_port
from vestibule import POLICIES, PROGRAM

OPERATOR = "the-operators-word"
CREDENTIAL = "the-gatekeepers-word"
BOB = "bob"

PROVIDER = """\
issuer: https://localhost:{provider}
address: 127.0.0.1:{provider}
certificate: {{ chain: localhost.pem, key: localhost.key }}
accounts: [{accounts}]
gatekeepers: [{{ audience: {host}, credential: {credential} }}]
algorithm: {algorithm}
operator: {operator}
"""

GATEKEEPER_CONFIGURATION = """\
host: {host}
streams: {{ address: 127.0.0.1:{streams}, proxy_protocol: {proxy_protocol} }}
api: {{ address: 127.0.0.1:{api} }}
certificate: {{ chain: gatekeeper.pem, key: gatekeeper.key }}
accounts: [{{ name: {bob}, password: {password} }}]
providers: [{{ issuer: 'https://localhost:{provider}', credential: {credential}, roots: roots.pem }}]
operator: {operator}
media: {{ networks: [127.0.0.0/8, '::1/128'] }}
"""

VESTIBULE = """\
listeners: [{{ address: 127.0.0.1:{vestibule}{balancers} }}]
hosts:
  {host}:
    server_names: [{interop}]
    certificate: {{ chain: interop.pem, key: interop.key }}
    upstream: gatekeeper
    content_types: {policies}/content-types/enforcing.yaml
    limits: {policies}/limits/default.yaml
upstreams:
  gatekeeper: {{ endpoints: ['127.0.0.1:{streams}'], server_name: {host}, roots: roots.pem, {signals} }}
metadata: {policies}/metadata/operations.yaml
admin: {{ address: 127.0.0.1:{admin} }}
drain: {{ spread: 0s }}
"""

CLIENT = """\
provider: {{ issuer: 'https://localhost:{provider}', roots: roots.pem }}
account: {{ visible_id: '{visible_id}', password: '{password}' }}
gatekeeper: {{ host: {host}, api: 'https://localhost:{api}', roots: roots.pem }}
server: {{ address: '127.0.0.1:{vestibule}', name: {interop}, roots: roots.pem }}
resource: app-2.4
"""


class Sandbox:
    """All three, with one authority for their certificates. `users` are accounts at the provider, with
    their passwords."""

    def __init__(self, folder, authority, users, algorithm="EdDSA", proxy_protocol="off", balancers="", signals="element"):
        self.folder = folder
        ports = ("provider", "streams", "api", "vestibule", "admin")
        self.ports = {name: free_port() for name in ports}
        self.words = self.ports | {
            "accounts": ", ".join(f"{{ visible_id: {user}, password: {word} }}" for user, word in users.items()),
            "algorithm": algorithm,
            "balancers": f", proxy_protocol: required, trusted_proxies: [{balancers}]" if balancers else "",
            "bob": BOB,
            "credential": CREDENTIAL,
            "host": GATEKEEPER,
            "interop": INTEROP,
            "operator": OPERATOR,
            "password": PASSWORD,
            "policies": POLICIES,
            "proxy_protocol": proxy_protocol,
            "signals": f"signals: {signals}, network: private",
        }
        self.roots = folder / "roots.pem"
        authority.cert_pem.write_to_path(self.roots)
        self.tls = ssl.create_default_context(cafile=self.roots)
        self._identity(authority, "localhost", "localhost")
        self._identity(authority, "gatekeeper", GATEKEEPER, "localhost")
        self._identity(authority, "interop", INTEROP)
        self.provider = f"https://localhost:{self.ports['provider']}"
        self.api = f"https://localhost:{self.ports['api']}"
        self.door = Door(self.ports["vestibule"], INTEROP, self.roots)
        self.gatekeeper_door = Door(self.ports["streams"], GATEKEEPER, self.roots)
        self.servers = {}
        self.start("provider")
        self.start("gatekeeper")
        self.start("vestibule")

    def _identity(self, authority, file, *names):
        certificate = authority.issue_cert(*names)
        key = self.folder / f"{file}.key"
        key.touch(mode=0o600)
        certificate.private_key_pem.write_to_path(key)
        for link in certificate.cert_chain_pems:
            link.write_to_path(self.folder / f"{file}.pem", append=True)

    def start(self, name):
        """Starts one of the three, with what it had in memory gone."""
        text, command, ports = {
            "provider": (PROVIDER, ["sandbox", "provider"], ["provider"]),
            "gatekeeper": (GATEKEEPER_CONFIGURATION, ["sandbox", "gatekeeper"], ["streams", "api"]),
            "vestibule": (VESTIBULE, ["run"], ["vestibule", "admin"]),
        }[name]
        command = [PROGRAM, *command, "--config", self.write(f"{name}.yaml", text)]
        ports = [self.ports[port] for port in ports]
        self.servers[name] = Server(command, self.folder / f"{name}.txt", ports)

    def write(self, file, text, **words):
        """Writes a configuration with the ports and names of this sandbox in it."""
        path = self.folder / file
        path.write_text(text.format(**(self.words | words)))
        return path

    def client(self, visible_id, *arguments):
        """`vestibule sandbox client` for one of the users, as a process that is written to and read from."""
        file = f"{visible_id.split('@')[0]}.yaml"
        configuration = self.write(file, CLIENT, visible_id=visible_id)
        return subprocess.Popen(
            [PROGRAM, "sandbox", "client", "--config", configuration, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, url, body=None, method=None, bearer=None, headers=()):
        """Status and JSON of an HTTP call; `body` is sent as JSON."""
        headers = dict(headers)
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        if body is not None:
            headers["content-type"] = "application/json"
            body = json.dumps(body).encode()
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE, context=self.tls) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")

    def sessions(self):
        """What the gatekeeper tells its operator of its first sessions."""
        status, answer = self.call(f"{self.api}/operator/sessions", bearer=OPERATOR)
        assert status == 200
        return answer["sessions"]

    def stop(self):
        """Ends all three, and gives their exit codes."""
        return {name: server.terminate() for name, server in self.servers.items()}
