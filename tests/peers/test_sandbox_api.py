"""The sandbox's HTTP interfaces are what their OpenAPI descriptions say: schemathesis reads the descriptions from the
running servers, and asks everything that they allow and that they forbid."""

import asyncio
import sys
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest

from enlistment import enlist
from names import DEADLINE, PASSWORD
from sandbox import BOB, CREDENTIAL, OPERATOR, Sandbox

USER = "zoe@provider.example"
# The one in the description's examples, whose password is tried in vain too often to be of use for more.
EXAMPLE = "ann@provider.example"
EXAMPLES = 40

# Whose word opens which operations; the first that fits holds. Among what is not as described there is what is too large.
COMMON = """\
[warnings]
fail-on = ["missing_auth", "missing_test_data", "validation_mismatch", "unmatched_filter"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "408", "413", "415", "422", "5xx"]

[[operations]]
include-path-regex = "^/operator/"
headers = {{ Authorization = "Bearer {operator}" }}
"""

# A user's own pushes. The same key of idempotency with another body is refused, though the body is as described.
PROVIDER = """
[[operations]]
include-name = "GET /pushes"
headers = {{ Authorization = "Bearer {token}" }}

[[operations]]
include-path-regex = "^/media"
headers = {{ Authorization = "Bearer {token}" }}

[[operations]]
include-name = "POST /push"
headers = {{ Authorization = "Bearer {credential}" }}
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "404", "422", "5xx"]

[[operations]]
include-name = "POST /introspect"
headers = {{ Authorization = "Bearer {credential}" }}
"""

# The media proxy has one blob to fetch: whatever else it is asked for is refused.
GATEKEEPER = """
[[operations]]
include-name = "GET /media-proxy"
headers = {{ Authorization = "Basic {bob}" }}
parameters = {{ url = "{blob}" }}

[[operations]]
include-path-regex = "^/media"
headers = {{ Authorization = "Basic {bob}" }}

[[operations]]
include-path-regex = "^/enlistments"
headers = {{ Authorization = "Bearer {credential}" }}
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory, authority):
    sandbox = Sandbox(tmp_path_factory.mktemp("api"), authority, {USER: PASSWORD, EXAMPLE: "secret"})
    yield sandbox
    sandbox.stop()


def upload(sandbox, token):
    """The URL of a blob that the provider has."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}
    request = urllib.request.Request(f"{sandbox.provider}/media", b"sealed", headers)
    with urllib.request.urlopen(request, timeout=DEADLINE, context=sandbox.tls) as answer:
        return f"{sandbox.provider}/{answer.headers['location']}"


@pytest.mark.parametrize("party, own", [("provider", PROVIDER), ("api", GATEKEEPER)])
async def test_the_interface_is_what_its_description_says(sandbox, tmp_path, party, own):
    _jid, token = enlist(sandbox, USER)
    configuration = tmp_path / "schemathesis.toml"
    bob = b64encode(f"{BOB}:{PASSWORD}".encode()).decode()
    words = {"credential": CREDENTIAL, "operator": OPERATOR, "token": token, "bob": bob}
    words["blob"] = upload(sandbox, token)
    configuration.write_text((COMMON + own).format(**words))
    url = getattr(sandbox, party)
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "schemathesis",
        *("--config-file", configuration, "--no-color", "run", f"{url}/openapi.yaml"),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--generation-deterministic"),
        *("--tls-verify", sandbox.roots, "--request-timeout", "20", "--suppress-health-check", "all"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    output, _nothing = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert all(server.process.poll() is None for server in sandbox.servers.values())
