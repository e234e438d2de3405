"""Only what the metadata policy allows leaves the process: sessions in which everything that a peer controls is a
marker, in success and in every failure, at the most verbose level; then all that left the process is searched.

`CANARY_SEED=N` repeats a run with its markers. Without Prosody: both ends of every session are played here.
"""

import asyncio
import base64
import contextlib
import json
import os
import secrets
import signal
import subprocess
import time

import pytest

import canary_failures as failures
import canary_sessions as sessions
import canary_starttls as starttls
from canaries import POSITIONS, Canaries, name
from canary_stage import BALANCER, CLIENT, Stage
from hostile import AT_START, IN_STREAM
from names import DEADLINE
from process import eventually
from proxy_header import DESTINATIONS
from vestibule import POLICIES, PROGRAM

SEED = os.environ.get("CANARY_SEED") or str(secrets.randbits(32))

SHIPPED = ["default-deny", "operations", "abuse", "incident"]
EVERYTHING = "everything"

# What must have happened, or the search would prove less, in the words of the fields.
HAPPENED = {
    "handshake-result": {
        "completed",
        "failed",
        "lost",
        "timeout",
        "unknown-name",
        "capacity",
        "untrusted-proxy",
        "too-many-connections",
        "connection-rate",
        "failed-authentications",
        "no-proxy-header",
        "bad-proxy-header",
        "proxy-header-timeout",
        "starttls-refused",
        "starttls-injected",
        "starttls-timeout",
        "starttls-lost",
    },
    "connect-result": {
        "completed",
        "tls",
        "unreachable",
        "unresolved",
        "timeout",
        "source-address",
        "stream-before-tls",
        "starttls-not-offered",
        "starttls-failure",
        "starttls-injected",
    },
    "end-reason": {
        "closed",
        "client-lost",
        "gatekeeper-lost",
        "client-refused",
        "gatekeeper-refused",
        "unreachable",
        "header-timeout",
        "authentication-timeout",
        "idle",
        "write-stall",
        "shutdown",
    },
    "refusal-kind": {row.kind for row in IN_STREAM + AT_START}
    | {"no-host", "unknown-host", "other-host", "unsupported-version", "not-authorized", "unsupported-element"}
    | {"too-much-before-tls", "injected-before-tls", "starttls-timeout"},
}

# What the gatekeeper does not get from the client itself.
OUTSIDE_OF_STREAMS = {"sni", "tls-hello", "tls-secret", "admin", "proxy-header", "own-signals"}

# Addresses that nobody is to see: a balancer's own, and what its clients connected to.
NOBODYS = [BALANCER, *DESTINATIONS]

# What is configured, not said by a peer, and told without a rule.
CONFIGURED = {"metrics": {"host"}, "status": {"host", "sni"}, "errors": {"host"}}


def report(policy):
    """The public report of a metadata policy."""
    command = [PROGRAM, "policy", "report", policy, "--json"]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def catalogue():
    return report(POLICIES / "metadata/default-deny.yaml")["catalogue"]


@pytest.fixture(scope="module")
def policy(catalogue, tmp_path_factory):
    """The file of a policy: of a shipped one, or of the one that lets everything out that a policy can."""

    def policy(called):
        if called in SHIPPED:
            return POLICIES / f"metadata/{called}.yaml"
        path = tmp_path_factory.mktemp("policy") / "everything.yaml"
        path.write_text(json.dumps({"rules": list(everything(catalogue["fields"]))}))
        return path

    return policy


def everything(fields):
    """A rule for each sink and event that keeps all of it."""
    events = ["connection", "upstream", "stanza", "refusal", "session"]
    for sink in ["access", "audit", "diagnostics", "metrics", "gatekeeper"]:
        for event in events if sink != "gatekeeper" else ["connection"]:
            kept = [field["name"] for field in fields if event in field["events"] and fits(sink, field)]
            yield {
                "sink": sink,
                "events": [event],
                "purpose": "to show that the search finds everything",
                "basis": "tests",
                "retention": "365d",
                "fields": dict.fromkeys(kept, "keep"),
            }


def fits(sink, field):
    """Whether a policy may let this field into the sink as it is."""
    return sink != "metrics" or field["form"] == "token" or field["name"] == "host"


def let_out(path):
    """The fields by sink that a policy keeps as peers wrote them."""
    told = report(path)
    texts = {field["name"] for field in told["catalogue"]["fields"] if field["form"] == "text"}
    kept = {}
    for rule in told["policy"]["rules"]:
        open_now = [exception for exception in rule["exceptions"] if exception["until"] > time.time()]
        fields = [field for opened in [rule, *open_now] for field in opened["fields"]]
        names = {field["field"] for field in fields if field["action"] == "keep"}
        kept.setdefault(rule["sink"], set()).update(names & texts)
    return kept


async def play(stage, hasty, whole):
    """All of it; what waits does so meanwhile."""
    async with contextlib.AsyncExitStack() as upstreams:
        scripted, hurried = await stage.play(upstreams), await hasty.play(upstreams)
        waiting = asyncio.gather(exceed(hasty, hurried), failures.find_no_gatekeeper(stage))
        await failures.shake_hands_badly(stage)
        await starttls.come_by_starttls(stage)
        await starttls.be_refused_in_the_clear(stage)
        await starttls.find_no_tls(stage)
        await failures.be_introduced_badly(stage)
        for act in [
            sessions.converse,
            sessions.authenticate_at_once,
            sessions.come_back_at_once,
            sessions.resume,
            sessions.end_with_errors,
            failures.lose_connections,
            failures.be_refused_by_the_phases,
        ]:
            await act(stage, scripted)
        await reload(stage)
        await sessions.converse(stage, scripted)
        await failures.be_refused_in_a_stream(stage, scripted, whole)
        await failures.be_refused_at_the_start(stage, scripted, whole)
        await waiting
        await asyncio.to_thread(failures.look_at_the_admin_pages, stage)
        await drain(stage, scripted)
        assert await asyncio.to_thread(hasty.stop) == 0


async def exceed(hasty, scripted):
    await starttls.run_out_of_time_in_the_clear(hasty)
    await failures.run_out_of_time(hasty, scripted)
    await eventually(lambda: hasty.metric("vestibule_connections_open") == 0)
    await failures.be_too_many(hasty, scripted)
    await failures.come_too_often(hasty)
    await failures.guess_passwords(hasty, scripted)


async def reload(stage):
    """A policy that is refused, then the same one as before."""
    good = stage.policy.read_bytes()
    for text, result in [(b"rules: [{}]", "refused"), (good, "accepted")]:
        stage.policy.write_bytes(text)
        stage.server.signal(signal.SIGHUP)
        await eventually(lambda: stage.metric(f'vestibule_reloads_total{{result="{result}"}}') == 1)


async def drain(stage, scripted):
    """The process is told to end while there are sessions in every phase."""
    begun = [await sessions.greeted(stage, scripted), await sessions.bound(stage, scripted)]
    stopping = asyncio.create_task(asyncio.to_thread(stage.stop))
    await asyncio.gather(*(session.fail(session.client, b"") for session in begun))
    assert await stopping == 0


def happened(*stages):
    """The words of `HAPPENED`, as the access logs have them."""
    written = [line for stage in stages for line in stage.outputs()["access"].splitlines()]
    lines = [json.loads(line) for line in written if line.startswith(b"{")]
    return {field: {line[field] for line in lines if field in line} for field in HAPPENED}


def search(canaries, *stages):
    """The positions by sink whose markers were found."""
    for stage in stages:
        canaries.keep_secrets(stage.keylog.read_text())
    pieces, found = canaries.pieces(), {}
    for stage in stages:
        for sink, output in stage.outputs().items():
            found.setdefault(sink, set()).update(canaries.found(output, pieces))
    return found


def unsaid(sink, places):
    """The names of positions; for the gatekeeper without those that stand in the clients' own streams."""
    return {name(place) for place in places if sink != "gatekeeper" or name(place) in OUTSIDE_OF_STREAMS}


@pytest.mark.parametrize("called", [*SHIPPED, EVERYTHING])
async def test_only_what_the_policy_allows_leaves_the_process(called, policy, tmp_path):
    canaries, path = Canaries(f"{SEED} {called}"), policy(called)
    stage = Stage(tmp_path / "stage", canaries, path.read_bytes())
    hasty = Stage(tmp_path / "hasty", canaries, path.read_bytes(), low_limits=True)
    try:
        await play(stage, hasty, whole=called == EVERYTHING)
    finally:
        stage.server.kill(), hasty.server.kill()
    found = search(canaries, stage, hasty)
    allowed = let_out(path)
    for sink in found.keys() | allowed.keys():
        expected = allowed.get(sink, set()) | CONFIGURED.get(sink, set())
        names = unsaid(sink, found.get(sink, set()))
        more, less = names - expected, expected - names
        assert not more, f"the sink {sink} holds {sorted(found[sink])} (CANARY_SEED={SEED})"
        assert not less, f"the sink {sink} lacks {sorted(less)}, which the policy allows: the search proves nothing"
    assert "sni.unknown" not in found["status"], "the status tells a server name that is not configured"
    for output in [*stage.outputs().values(), *hasty.outputs().values()]:
        assert not [address for address in NOBODYS if address.encode() in output], "an address of a balancer is told"
    assert CLIENT.encode() in stage.told["gatekeeper"], "the gatekeeper is not told the client's address"
    unused = set(canaries.markers) - canaries.used
    assert not unused, f"no peer has sent {sorted(unused)}"
    if called == EVERYTHING:
        missing = {field: words - happened(stage, hasty)[field] for field, words in HAPPENED.items()}
        assert not any(missing.values()), f"these have not happened: {missing}"
    assert "panicked" not in stage.said() + hasty.said(), "a thread has panicked"


# Ways in which a leak writes what it has got.
WRITTEN = {
    "text": lambda piece: piece,
    "capitals": bytes.upper,
    "wide": lambda piece: piece.decode().encode("utf-16-le"),
    "hexadecimal": lambda piece: piece.hex().encode(),
    "hexadecimal in capitals": lambda piece: piece.hex().upper().encode(),
    "hexadecimal with separators": lambda piece: piece.hex(":").encode(),
    "hexadecimal behind a digit": lambda piece: b"7" + piece.hex().encode(),
    "base64": base64.b64encode,
    "base64 behind a byte": lambda piece: base64.b64encode(b"." + piece),
    "base64 behind two bytes": lambda piece: base64.b64encode(b".." + piece),
    "base64 for addresses": lambda piece: base64.urlsafe_b64encode(b"\xff\xff\xff" + piece),
    "percent": lambda piece: b"".join(b"%%%02x" % byte for byte in piece),
    "escapes": lambda piece: b"".join(b"\\x%02x" % byte for byte in piece),
    "escapes of JSON": lambda piece: b"".join(b"\\u%04x" % byte for byte in piece),
    "escapes of Rust": lambda piece: b"".join(b"\\u{%x}" % byte for byte in piece),
    "a list of bytes": lambda piece: str(list(piece)).encode(),
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN.keys())
def test_the_search_finds_eight_bytes_however_they_are_written(write):
    canaries = Canaries(SEED)
    marker = canaries["body.client"].encode()
    for at in range(len(marker) - 7):
        assert canaries.found(b"before " + write(marker[at : at + 8]) + b" behind") == {"body.client"}
    assert canaries.found(b"before " + write(b"somebody's words") + b" behind") == set()


def test_everything_that_a_peer_says_has_a_canary(catalogue):
    texts = {field["name"] for field in catalogue["fields"] if field["form"] == "text"}
    withheld = {withheld["name"] for withheld in catalogue["withheld"]}
    assert {name(place) for place in POSITIONS} == texts | withheld
