"""How a metadata policy takes effect and is changed while Vestibule runs, and what of it is on record."""

import asyncio
import hashlib
import json
import signal
import ssl
import subprocess
import urllib.request

import pytest
import trustme

from names import DEADLINE
from process import Server, eventually, free_port
from vestibule import POLICIES, PROGRAM

NAME = "interop.provider.example"

CONFIGURATION = """\
listeners: [{{ address: "127.0.0.1:{port}" }}]
hosts:
  gatekeeper.example:
    server_names: [{name}]
    certificate: {{ chain: chain.pem, key: key.pem }}
    upstream: gatekeeper
upstreams:
  gatekeeper: {{ endpoints: ["127.0.0.1:{nobody}"], server_name: gatekeeper.example, roots: authority.pem }}
metadata: metadata.yaml
access_log: {{ folder: access }}
audit_log: {{ folder: audit, retention: 365d }}
admin: {{ address: "127.0.0.1:{admin}" }}
drain: {{ spread: 0s }}
"""

NOTHING = "rules: []\n"
RULE = """\
rules:
  - sink: access
    events: [connection]
    purpose: tests
    basis: tests
    retention: 1d
    fields: {{ {fields} }}
"""
RESULTS = RULE.format(fields="handshake-result: keep")
NAMES = RULE.format(fields="handshake-result: keep, sni: keep")


def widening(text, before):
    """The text of a policy that says that it widens another one."""
    return f"widens: sha256:{hashlib.sha256(before.encode()).hexdigest()}\n{text}"


class Proxy:
    """A Vestibule in a folder that can be started again."""

    def __init__(self, folder, policy):
        self.folder = folder
        for log in ["access", "audit"]:
            (folder / log).mkdir()
        self.port, self.admin = free_port(), free_port()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "authority.pem")
        certificate = authority.issue_cert(NAME)
        (folder / "key.pem").touch(mode=0o600)
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(folder / "chain.pem")
        ports = {"port": self.port, "admin": self.admin, "nobody": free_port()}
        (folder / "vestibule.yaml").write_text(CONFIGURATION.format(name=NAME, **ports))
        self.write(policy)

    def write(self, policy):
        (self.folder / "metadata.yaml").write_text(policy)

    def command(self):
        return [PROGRAM, "run", "--config", self.folder / "vestibule.yaml"]

    def start(self, wrapper=()):
        self.server = Server([*wrapper, *self.command()], self.folder / "output.txt", [self.port, self.admin])

    def refuses_to_start(self):
        """What it says when it does not."""
        done = subprocess.run(self.command(), capture_output=True, timeout=DEADLINE, text=True)
        assert done.returncode == 1, done.stderr
        return done.stderr

    def reload(self, policy):
        """Writes a policy and asks for it; what came of it is `accepted` or `refused`."""
        self.write(policy)
        before = self.reloads()
        self.server.signal(signal.SIGHUP)
        return eventually(lambda: next((word for word, count in self.reloads().items() if count > before[word]), None))

    def reloads(self):
        lines = self.get("/metrics").splitlines()
        count = lambda word: next(line for line in lines if line.startswith(f'vestibule_reloads_total{{result="{word}"}}'))
        return {word: float(count(word).rsplit(" ", 1)[1]) for word in ["accepted", "refused"]}

    def answers(self):
        """Whether the admin server is there."""
        try:
            return self.get("/live")
        except OSError:
            return None

    def status(self):
        return json.loads(self.get("/status"))["metadata"]

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=DEADLINE) as answer:
            return answer.read().decode()

    async def shake_hands(self):
        """A TLS handshake that succeeds, and its line in the access log, if there is one before the next."""
        context = ssl.create_default_context(cafile=self.folder / "authority.pem")
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=NAME)
        writer.close()

    def written(self):
        """The lines of the access log but for those of probes of the port, which are no handshakes."""
        segments = sorted((self.folder / "access").glob("access.*.jsonl"))
        lines = [json.loads(line) for segment in segments for line in segment.read_text().splitlines()]
        return [line for line in lines if line.get("handshake-result") == "completed"]

    def verify(self, *arguments):
        command = [PROGRAM, "audit", "verify", self.folder / "audit", *arguments]
        return subprocess.run(command, capture_output=True, timeout=DEADLINE, text=True)

    def kinds(self):
        segments = sorted((self.folder / "audit").glob("audit.*.jsonl"))
        lines = [json.loads(line) for segment in segments for line in segment.read_text().splitlines()]
        return [line["kind"] for line in lines]


@pytest.fixture
def proxy(tmp_path):
    """Not started yet."""
    started = []

    def proxy(policy):
        made = Proxy(tmp_path, policy)
        started.append(made)
        return made

    yield proxy
    for made in started:
        if hasattr(made, "server"):
            made.server.kill()


async def test_a_reload_holds_for_what_happens_from_there_on(proxy):
    proxy = proxy(NOTHING)
    proxy.start()
    await proxy.shake_hands()
    assert await proxy.reload(widening(RESULTS, NOTHING)) == "accepted"
    assert proxy.status()["policy"] == f"sha256:{hashlib.sha256(widening(RESULTS, NOTHING).encode()).hexdigest()}"
    await proxy.shake_hands()
    assert await eventually(proxy.written) == [{"event": "connection", "handshake-result": "completed"}]
    assert await proxy.reload(NOTHING) == "accepted", "less needs no leave"
    await proxy.shake_hands()
    assert proxy.server.terminate() == 0
    assert len(proxy.written()) == 1


async def test_a_policy_that_is_wrong_is_told_and_changes_nothing(proxy):
    proxy = proxy(RESULTS)
    proxy.start()
    before = proxy.status()["policy"]
    assert await proxy.reload(RULE.format(fields="body: keep")) == "refused"
    assert proxy.status()["policy"] == before
    said = proxy.server.said()
    assert "metadata.yaml:7:15: the field `body` is content, which no policy can let out" in said
    await proxy.shake_hands()
    assert await eventually(proxy.written)


async def test_a_wider_policy_must_name_the_one_before_at_a_reload(proxy):
    proxy = proxy(RESULTS)
    proxy.start()
    before = proxy.status()["policy"]
    assert await proxy.reload(NAMES) == "refused"
    assert await proxy.reload(widening(NAMES, NOTHING)) == "refused", "that is not the one before"
    assert f"`widens: {before}` should stand in it" in proxy.server.said()
    assert proxy.status()["policy"] == before
    assert await proxy.reload(widening(NAMES, RESULTS)) == "accepted"
    assert proxy.server.terminate() == 0
    assert proxy.kinds() == ["started", "policy", "refused", "refused", "policy", "new-period", "stopped"]


async def test_a_wider_policy_must_name_the_last_one_on_record_at_the_start(proxy):
    proxy = proxy(RESULTS)
    proxy.start()
    assert proxy.server.terminate() == 0
    proxy.write(NAMES)
    assert "should stand in it" in proxy.refuses_to_start()
    check = [PROGRAM, "check", "--config", proxy.folder / "vestibule.yaml"]
    checked = subprocess.run(check, capture_output=True, timeout=DEADLINE, text=True)
    assert checked.returncode == 1 and "should stand in it" in checked.stderr
    proxy.write(widening(NAMES, RESULTS))
    proxy.start()
    await proxy.shake_hands()
    assert (await eventually(proxy.written))[0]["sni"] == NAME


async def test_the_audit_log_is_whole_and_anchored_by_what_the_process_said(proxy):
    proxy = proxy(NOTHING)
    proxy.start()
    for policy, before in [(RESULTS, NOTHING), (NAMES, widening(RESULTS, NOTHING))]:
        assert await proxy.reload(widening(policy, before)) == "accepted"
    head = proxy.status()["audit_head"]
    assert proxy.verify("--head", head).returncode == 0
    assert proxy.server.terminate() == 0
    anchored = proxy.verify("--heads", proxy.folder / "output.txt")
    assert anchored.returncode == 0, anchored.stdout + anchored.stderr
    # Somebody who rewrites the last records cannot rewrite what was kept elsewhere.
    (segment,) = (proxy.folder / "audit").glob("audit.*.jsonl")
    lines = segment.read_text().splitlines(keepends=True)
    segment.write_text("".join(lines[:-2]))
    assert proxy.verify().returncode == 0
    cut = proxy.verify("--heads", proxy.folder / "output.txt")
    assert cut.returncode == 1, cut.stdout
    segment.write_text("".join(lines).replace('"widens":true', '"widens":null', 1))
    assert proxy.verify().returncode == 1
    assert "the chain of the audit log is broken" in proxy.refuses_to_start()


async def test_a_policy_that_cannot_be_put_on_record_does_not_take_effect(proxy):
    proxy = proxy(NOTHING)
    # The record of a policy with four rules and their purposes does not fit any more; those of the start do.
    proxy.start(wrapper=["prlimit", "--fsize=262144", "--"])
    text = NOTHING + "".join(f"# {number}\n" for number in range(3))
    long = "\n".join(f"      - recipient number {number} of what nobody is told" for number in range(6000))
    rule = RESULTS.replace("    fields:", f"    recipients:\n{long}\n    fields:")
    assert await proxy.reload(widening(rule, NOTHING)) == "refused"
    assert "the audit log does not take the record" in proxy.server.said()
    assert await proxy.reload(text) == "accepted"
    await proxy.shake_hands()
    assert proxy.server.terminate() == 0
    assert proxy.written() == []
    assert proxy.verify().returncode == 0


async def test_a_policy_is_not_taken_over_for_other_logs(proxy):
    proxy = proxy(NOTHING)
    proxy.start()
    configuration = proxy.folder / "vestibule.yaml"
    text = configuration.read_text()
    for key, before, after in [
        ("audit_log", "retention: 365d", "retention: 1d"),
        ("access_log", "access_log: { folder: access }", "access_log: stdout"),
    ]:
        assert before in text
        configuration.write_text(text.replace(before, after))
        assert await proxy.reload(NOTHING) == "refused"
        assert f"a new process is needed for what has changed in `{key}`" in proxy.server.said()
    configuration.write_text(text)
    assert await proxy.reload(NOTHING) == "accepted"


async def test_who_does_not_read_what_it_says_cannot_keep_it_from_ending(proxy):
    proxy = proxy(NOTHING)
    process = subprocess.Popen(proxy.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        await eventually(lambda: proxy.answers())
        proxy.write("".join(f"wrong{number}: 1\n" for number in range(5000)))
        for _ in range(3):
            before = proxy.reloads()["refused"]
            process.send_signal(signal.SIGHUP)
            await eventually(lambda: proxy.reloads()["refused"] > before)
        process.terminate()
        assert await asyncio.to_thread(process.wait, DEADLINE) == 0
    finally:
        process.kill()
        process.stderr.close()


async def test_an_operator_can_publish_what_the_running_configuration_lets_out(proxy):
    proxy = proxy((POLICIES / "metadata/operations.yaml").read_text())
    command = [PROGRAM, "policy", "report", "--config", proxy.folder / "vestibule.yaml"]
    told = subprocess.run(command, capture_output=True, timeout=DEADLINE, text=True, check=True).stdout
    for words in [
        "- Purpose: operating the service",
        "- Basis: legitimate interest (GDPR 6(1)(f))",
        "- Kept for: 14 days, then deleted by Vestibule",
        "- Recipients: the provider itself",
        "| `account` | The bare JID that the gatekeeper bound. | as a pseudonym |",
        "| `stanza-id` | identifier |",
    ]:
        assert words in told, told
