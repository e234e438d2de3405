"""A real Prosody as the gatekeeper: its configuration, its accounts, and what it saw."""

import subprocess
from pathlib import Path

from client import Door
from names import DEADLINE, DISCO_CARRIER, ENFORCING, GATEKEEPER, PRESENCE_CARRIER, ROOMS, SASL2
from process import Server, eventually, free_port

MODULES = Path(__file__).parent / "prosody_modules"

CONFIGURATION = """
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
certificates = "{folder}"
plugin_paths = {{ "{modules}" }}
log = {{ debug = "{folder}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {plain_port} }}
c2s_require_encryption = true
s2s_ports = {{}}
c2s_direct_tls_ports = {{ {port} }}
c2s_direct_tls_ssl = {{ certificate = "{folder}/chain.pem", key = "{folder}/key.pem" }}
ssl = {{ certificate = "{folder}/chain.pem", key = "{folder}/key.pem" }}
authentication = "internal_hashed"
modules_enabled = {{
    "roster", "saslauth", "tls", "disco", "presence", "message", "iq", "pep", "mam", "carbons", "smacks", "ping",
    "stanza_debug",
}}
modules_disabled = {{ "s2s", "offline" }}
VirtualHost "{host}"
VirtualHost "{presence_host}"
VirtualHost "{disco_host}"
VirtualHost "{enforcing_host}"
    modules_enabled = {{ "counters" }}
VirtualHost "{sasl2_host}"
    modules_enabled = {{ "connection_info", "sasl2", "sasl2_bind2" }}
Component "{rooms}" "muc"
    muc_room_locking = false
"""


class Prosody:
    def __init__(self, folder, authority):
        self.folder = folder
        self.port = free_port()
        # The same by STARTTLS.
        self.plain_port = free_port()
        (folder / "data").mkdir()
        certificate = authority.issue_cert(GATEKEEPER, PRESENCE_CARRIER, DISCO_CARRIER, ENFORCING, SASL2)
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        for link in certificate.cert_chain_pems:
            link.write_to_path(folder / "chain.pem", append=True)
        authority.cert_pem.write_to_path(folder / "authority.pem")
        self.door = Door(self.port, GATEKEEPER, folder / "authority.pem")
        self.configuration = folder / "prosody.cfg.lua"
        self.configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                modules=MODULES,
                port=self.port,
                plain_port=self.plain_port,
                host=GATEKEEPER,
                presence_host=PRESENCE_CARRIER,
                disco_host=DISCO_CARRIER,
                enforcing_host=ENFORCING,
                sasl2_host=SASL2,
                rooms=ROOMS,
            )
        )
        command = ["prosody", "--config", self.configuration, "-F"]
        self.server = Server(command, folder / "output.txt", [self.port, self.plain_port])

    def register(self, user, host, password):
        command = ["prosodyctl", "--root", "--config", self.configuration, "register", user, host, password]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def log(self):
        """Everything that it logged so far; `stanza_debug` puts every stanza in it, as received and as sent."""
        return (self.folder / "prosody.log").read_text(errors="replace")

    def session_of(self, jid):
        """The log's name for the connection that full address `jid` was bound on last."""
        said = f"<jid>{jid}</jid>", f"<authorization-identifier>{jid}</authorization-identifier>"
        bound = [line for line in self.log().splitlines() if any(words in line for words in said)]
        return bound[-1].split("\t")[0].split()[-1]

    def received(self, session, start):
        """The elements that a connection sent it which start with `start`, as it logged them."""
        return self._logged("RECV: ", session, start)

    def sent(self, session, start):
        """The elements that it sent on a connection which start with `start`, as it logged them."""
        return self._logged("SEND: ", session, start)

    def _logged(self, direction, session, start):
        lines = [line for line in self.log().splitlines() if f" {session}\t" in line]
        return [line.partition(direction)[2] for line in lines if f"{direction}{start}" in line]

    async def logged(self, text):
        """Waits until `text` stands in the log."""
        await eventually(lambda: text in self.log())

    async def ended(self, session):
        """Waits until a connection is gone and gives all that was logged about it."""
        await self.logged(f" {session}\tinfo\tClient disconnected")
        return [line for line in self.log().splitlines() if f" {session}\t" in line]

    def stop(self):
        self.server.terminate()
