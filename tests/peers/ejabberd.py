"""A real ejabberd as the gatekeeper: its configuration, its accounts, and what it saw.

It is run by Erlang itself and not by ejabberdctl, which insists on a user of its own. Without a node name there is no
distribution either, and so no port mapper that would be left behind.
"""

import datetime
import json
import os
import urllib.request
from pathlib import Path

from client import Door
from names import DEADLINE, EJABBERD
from process import Server, eventually, free_port

CONFIGURATION = """\
hosts: [{host}]
loglevel: debug
log_rotate_count: 0
certfiles: ["{folder}/certificate.pem"]
acme: {{ auto: false }}
listen:
  - {{ port: {port}, ip: 127.0.0.1, module: ejabberd_c2s, tls: true }}
  - {{ port: {proxied}, ip: 127.0.0.1, module: ejabberd_c2s, tls: true, use_proxy_protocol: true }}
  - {{ port: {api}, ip: 127.0.0.1, module: ejabberd_http, request_handlers: {{ /api: mod_http_api }} }}
api_permissions:
  accounts: {{ from: [mod_http_api], who: [{{ ip: 127.0.0.1 }}], what: [register] }}
modules:
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_http_api: {{}}
  mod_mam: {{ default: always }}
  mod_ping: {{}}
  mod_pubsub: {{ plugins: [flat, pep] }}
  mod_roster: {{}}
  mod_stream_mgmt: {{}}
"""

# ejabberd sets a timer for each certificate, and Erlang has none for a thousand years, the default.
EXPIRY = datetime.datetime(2100, 1, 1)

# Where Debian puts ejabberd and the libraries that it needs; the folder between is that of the machine's kind.
PROGRAMS = "usr/lib/*/ejabberd-*/ebin/ejabberd.app"


class Ejabberd:
    def __init__(self, folder, authority):
        self.folder = folder
        self.port = free_port()
        # Who connects there has to begin with a PROXY header.
        self.proxied_port = free_port()
        self.api = free_port()
        certificate = authority.issue_cert(EJABBERD, not_after=EXPIRY)
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "certificate.pem")
        authority.cert_pem.write_to_path(folder / "authority.pem")
        self.door = Door(self.port, EJABBERD, folder / "authority.pem")
        configuration = folder / "ejabberd.yml"
        configuration.write_text(
            CONFIGURATION.format(folder=folder, host=EJABBERD, port=self.port, proxied=self.proxied_port, api=self.api)
        )
        command = ["erl", "-noinput", "-mnesia", "dir", f'"{folder}/spool"', "-s", "ejabberd"]
        surroundings = {
            "EJABBERD_CONFIG_PATH": str(configuration),
            "EJABBERD_LOG_PATH": str(folder / "ejabberd.log"),
            "ERL_CRASH_DUMP_BYTES": "0",
            "ERL_LIBS": str(_libraries()),
            # Erlang keeps a cookie there, if only for other nodes.
            "HOME": str(folder),
        }
        self.server = Server(
            command, folder / "output.txt", [self.port, self.api], env=os.environ | surroundings
        )

    def register(self, user, host, password):
        account = json.dumps({"user": user, "host": host, "password": password}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/api/register", account)
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            assert answer.status == 200

    def log(self):
        """Everything that it logged so far: every piece of XML, as received and as sent."""
        return (self.folder / "ejabberd.log").read_text(errors="replace")

    async def logged(self, text):
        """Waits until `text` stands in the log."""
        await eventually(lambda: text in self.log())

    def stop(self):
        self.server.terminate()


def _libraries():
    found = next(Path("/").glob(PROGRAMS), None)
    assert found, f"ejabberd is not installed: there is no /{PROGRAMS}"
    return found.parents[2]
