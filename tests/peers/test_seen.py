"""What operators see of a Vestibule that has much to do: a real Prometheus scrapes it, and a real browser opens its pages.

Everything is caused that can be: traffic, throttling, refusals by the gate and by limits, edits, content, lost gatekeepers,
reloads. So every panel of the dashboard and every expression of the alerts has something to show.
"""

import asyncio
import contextlib
import hashlib
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from content import KINDS
from names import GATEKEEPER, PASSWORD, SCRIPTED, UNREACHABLE
from process import eventually
from prometheus import DASHBOARD, RULES, Browser, Prometheus, expressions_of_the_dashboard, looked_at, promtool
from raw import BIND as BIND_REQUEST
from raw import RawClient, RawGatekeeper, log_in, plain, stream_header
from scripted import BINDING, BOUND, MECHANISMS, SERVER_HEADER, SUCCESS, greet
from vestibule import BIND, ENFORCEMENT, POLICIES, REPOSITORY, Vestibule

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTS = {
    GATEKEEPER: ("prosody", BIND),
    SCRIPTED: ("scripted", ENFORCEMENT),
    UNREACHABLE: ("unreachable", None),
}

LIMITS = """\
connections: { at_once: 30 }
accounts: { sessions: 7 }
from_client: { rate: { stanzas_per_second: 20, stanza_burst: 30 } }
"""

METADATA = """\
shadow: shadow.yaml
rules:
  - sink: access
    events: [session]
    purpose: tests
    basis: tests
    retention: 1d
    fields: { end-reason: keep }
  - sink: audit
    events: [refusal]
    purpose: tests
    basis: tests
    retention: 1d
    fields: { time: keep, side: keep }
"""

USER = "much.seen"
CLIENTS = 6
REFUSED_ADDRESS = "127.0.0.9"


class Seen(Vestibule):
    """One that has logs, a shadow policy, and certificates for gatekeepers."""

    def __init__(self, folder, authority, *rest, **options):
        (folder / "audit").mkdir()
        (folder / "shadow.yaml").write_text((POLICIES / "metadata/operations.yaml").read_text())
        super().__init__(folder, authority, *rest, **options)
        self.configuration = folder / "vestibule.yaml"

    def _configuration(self, *ports):
        certificate = "\n    client_certificate: { chain: chain.pem, key: chain-key.pem }"
        text = super()._configuration(*ports).replace("\n    network: private", "\n    network: private" + certificate)
        return text + "audit_log: { folder: audit, retention: 1d }\n"


@pytest.fixture(scope="module")
def vestibule(gatekeeper, authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seen")
    options = {"hosts": HOSTS, "metadata": METADATA, "limits": LIMITS}
    proxy = Seen(folder, authority, trustme.CA(), gatekeeper.port, **options)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def prometheus(vestibule, tmp_path_factory):
    server = Prometheus(tmp_path_factory.mktemp("prometheus"), vestibule.admin)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Its pictures are kept where `SCREENSHOTS` says."""
    kept = os.environ.get("SCREENSHOTS")
    return Browser(Path(kept) if kept else tmp_path_factory.mktemp("pictures"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(vestibule, prometheus, gatekeeper):
    """Sessions that are open and have much to do, until all of it was scraped twice."""
    await eventually(prometheus.is_ready)
    await eventually(lambda: prometheus.query("vestibule_build_info"))
    gatekeeper.register(USER, GATEKEEPER, PASSWORD)
    jid = f"{USER}@{GATEKEEPER}"
    clients = [await RawClient.open(vestibule.door) for _ in range(CLIENTS)]
    for number, client in enumerate(clients):
        await log_in_as(client, jid, f"pocket{number}")
    scripted = await RawGatekeeper.listen(vestibule.scripted_port, vestibule.scripted_tls)
    await fail_in_every_way(vestibule, scripted, jid)
    client, played = await play(vestibule, scripted)
    traffic = asyncio.ensure_future(talk(clients, jid, client, played))
    shown = "vestibule_stream_errors_sent_total", "vestibule_gate_refusals_total", "vestibule_shadow_disclosures_total"
    try:
        for metric in shown:
            await eventually(lambda: prometheus.query(f"sum(rate({metric}[30s]))"))
        await eventually(lambda: all(value > 0 for _, value in prometheus.query(f"rate({THROTTLED}[30s])")))
        yield prometheus
    finally:
        traffic.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await traffic
        scripted.close()
        for open_one in [*clients, client, played]:
            open_one.cut()


# What counts nothing here, in spite of everything: no balancer, nothing too large, no log that is lost, and an endpoint that was
# ejected before it was first asked for.
QUIET = {"Health checks", "Edits left out", "Lines lost", "Ejections"}

THROTTLED = f'vestibule_throttled_seconds_total{{host="{GATEKEEPER}",direction="from_client",limit="session-stanzas"}}'


async def log_in_as(client, jid, resource):
    async def send(data):
        await client.send(data.replace(b"<resource>raw<", f"<resource>{resource}<".encode()))

    await log_in(client, jid, PASSWORD, send)


async def play(vestibule, scripted):
    """A session with a bound resource at the host whose gatekeeper is played here. What is edited on the way is not looked
    at."""
    client, header = await RawClient.open(vestibule.door), stream_header(SCRIPTED)
    gatekeeper = await greet(client, scripted, header)
    for said, answered in [(MECHANISMS, plain("alice", "secret")), (SUCCESS, header), (BINDING, BIND_REQUEST)]:
        await gatekeeper.send((b"" if said == SUCCESS else SERVER_HEADER) + said)
        await client.read_until(said[-10:])
        await client.send(answered)
        await gatekeeper.read_until(answered[-8:])
    await gatekeeper.send(BOUND)
    await client.read_until(b"</iq>")
    return client, gatekeeper


async def talk(clients, jid, client, gatekeeper):
    """Each client sends faster than it may, and the gatekeeper sends what a client cannot receive, again and again."""
    message = f"<message to='{jid}/nowhere' type='headline'><body>{'x' * 200}</body></message>".encode()
    content = b"".join(kind.message("m", "alice@scripted.example").encode() for kind in KINDS.values())
    while True:
        for sender in clients:
            await sender.send(message * 5)
        await gatekeeper.send(content)
        await asyncio.sleep(0.05)


async def fail_in_every_way(vestibule, scripted, jid):
    """What is refused, lost or cannot be reached, each so often that it has a rate."""
    for _ in range(3):
        with contextlib.suppress(ConnectionError):
            with socket.create_connection(("127.0.0.1", vestibule.port)) as not_tls:
                not_tls.sendall(b"GET / HTTP/1.1\r\n\r\n")
        # More often than a gatekeeper that is well may fail, too.
        for _ in range(4):
            unreachable = await RawClient.open(vestibule.door)
            await unreachable.send(stream_header(UNREACHABLE))
            assert b"remote-connection-failed" in await unreachable.read_all()
        refused = await RawClient.open(vestibule.door)
        await log_in_as(refused, jid, "refused")
        one_too_many = await RawClient.open(vestibule.door)
        await log_in_as(one_too_many, jid, "one-too-many")
        assert b"resource-constraint" in await one_too_many.read_all()
        await refused.send(b"<message><!-- --></message>")
        await refused.read_all()
        _, gatekeeper = await play(vestibule, scripted)
        await gatekeeper.send(b"<!DOCTYPE x>")
        await gatekeeper.read_all()
        await asyncio.sleep(1.1)
    many = [socket.create_connection(("127.0.0.1", vestibule.port), source_address=(REFUSED_ADDRESS, 0)) for _ in range(40)]
    await eventually(lambda: vestibule.metric("vestibule_connections_refused_total") >= 10)
    for connection in many:
        connection.close()
    await reload(vestibule)


async def reload(vestibule):
    """One that is taken over, and one that is not, which leaves the last one good."""
    good = vestibule.configuration.read_text()
    for text, result in [("nonsense", "refused"), (good, "accepted")]:
        vestibule.configuration.write_text(text)
        await hang_up(vestibule, result)


async def hang_up(vestibule, result):
    before = vestibule.metric("vestibule_reloads_total", result=result)
    vestibule.signal(signal.SIGHUP)
    await eventually(lambda: vestibule.metric("vestibule_reloads_total", result=result) > before)


async def test_every_expression_of_the_dashboard_and_of_the_alerts_has_data(busy):
    await asyncio.sleep(2)
    empty = [(title, asked) for title, asked in expressions_of_the_dashboard() if not busy.query(asked)]
    assert empty == []
    rules = [rule for group in busy.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 20
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    unseen = [(rule["name"], side) for rule in rules for side in looked_at(rule["query"]) if not busy.query(side)]
    assert unseen == []
    told = {alert["labels"]["alertname"]: alert["annotations"] for alert in busy.ask("alerts")["alerts"]}
    assert {"VestibuleGatekeeperUnreachable", "VestibuleContentDrift"} <= told.keys(), told.keys()
    assert UNREACHABLE in told["VestibuleGatekeeperUnreachable"]["summary"]
    for name, annotations in told.items():
        assert "{{" not in "".join(annotations.values()) and "error" not in annotations["description"], (name, annotations)


async def test_the_numbers_of_the_overview_are_those_of_what_happens(busy):
    panels = dict(expressions_of_the_dashboard())
    ((_, sessions),) = busy.query("sum(vestibule_sessions_open)")
    assert sessions == CLIENTS + 1
    for title in ["Replaced", "Not advertised", "Advertised", "Streams refused by the gate", "Connections refused", "Reloads"]:
        assert sum(value for _, value in busy.query(panels[title])) > 0, title
    ((_, left),) = [sample for sample in busy.query(panels["Certificates for clients"]) if sample[0]["host"] == SCRIPTED]
    assert left > 86400


async def test_a_start_is_marked_when_it_was(vestibule, busy):
    ((labels, marked),) = busy.query(dict(expressions_of_the_dashboard())["Starts"])
    assert labels["instance"] == f"127.0.0.1:{vestibule.admin}"
    assert 0 < time.time() - marked / 1000 < 600


async def test_what_is_down_is_not_ready_and_where_nothing_is_nothing_is_well(busy):
    def shown(title, job):
        return [value for _, value in busy.query(dict(expressions_of_the_dashboard(job))[title])]

    for job, ready in [("vestibule", [1]), ("vestibule.*", [0.5]), ("vestibule-down", [0]), ("nothing", [])]:
        assert shown("Ready", job) == ready
    for title in ["Sessions that end badly", "Gatekeeper reached"]:
        assert (len(shown(title, "vestibule")), shown(title, "vestibule-down"), shown(title, "nothing")) == (1, [], [])


async def test_promtool_is_content(vestibule, prometheus):
    promtool("check", "rules", RULES)
    promtool("check", "config", "--lint-fatal", prometheus.folder / "prometheus.yml")
    promtool("check", "metrics", text=vestibule.get("/metrics")[1])
    promtool("test", "rules", RULES.parent / "tests.yml")


async def test_dashboard_and_console_are_written_from_the_same_panels():
    generate = [sys.executable, DASHBOARD.parent / "generate.py", "--check"]
    done = subprocess.run(generate, capture_output=True, text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stderr


async def test_the_console_mirrors_the_dashboard(vestibule, busy, browser):
    await asyncio.sleep(2)
    shown = await asyncio.to_thread(browser.shown, busy.console())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        heading = "h2" if panel["type"] == "row" else "h3"
        assert re.search(rf"<{heading}[^>]*>{re.escape(panel['title'])}</{heading}>", shown), panel["title"]
    assert "error" not in text(shown).lower().replace("stream errors sent", "")
    # What counts by reason may have nothing to tell now; everything else has.
    assert not re.search(r'class="none"[^>]*>none<', shown)
    quiet = set(re.findall(r"<h3>([^<]*)</h3><table><tbody><tr><td class=\"none\"", shown))
    assert quiet <= QUIET
    assert f"{GATEKEEPER}" in shown and "from_client session-stanzas" in shown
    # Of what Prometheus scrapes besides, nothing.
    itself = f"127.0.0.1:{busy.port}"
    assert [value for _, value in busy.query(f'up{{instance="{itself}"}}')] == [1]
    assert f"127.0.0.1:{vestibule.admin}" in text(shown) and itself not in text(shown)
    for name, dark, width in [("console-light", False, 1280), ("console-dark", True, 1280), ("console-narrow", False, 500)]:
        path = await asyncio.to_thread(browser.picture, busy.console(), name, width, 2200, dark)
        assert path.stat().st_size > 10_000


async def test_the_status_page_tells_of_it_and_of_nobody(vestibule, busy, browser):
    url = f"http://127.0.0.1:{vestibule.admin}/status"
    shown = await asyncio.to_thread(browser.shown, url)
    told = text(shown)
    for words in [
        "ready",
        f"{GATEKEEPER} {CLIENTS} prosody",
        "sessions ended unreachable.example unreachable",
        "seconds held back gatekeeper.example from client session-stanzas",
        "connections refused – too-many-connections",
        "streams ended by limits – too-many-sessions",
        f"127.0.0.1:{vestibule.scripted_port} up",
        "clients gatekeeper.example interop.provider.example",
        "the gatekeeper prosody",
        "20 stanzas/s",
        "urn:x-vestibule:content-types:0",
        "in force sha256:",
    ]:
        assert words in told, f"{words} is not in {told}"
    # Whoever is there: neither the account, nor its resource, nor its address.
    for word in [USER, "pocket", REFUSED_ADDRESS]:
        assert word not in shown
    status = json.loads(vestibule.get("/status.json")[1])
    assert status["hosts"][GATEKEEPER]["sessions_open"] == CLIENTS
    for name, dark, width in [("status-light", False, 1280), ("status-dark", True, 1280), ("status-narrow", False, 500)]:
        path = await asyncio.to_thread(browser.picture, url, name, width, 3000, dark)
        assert path.stat().st_size > 10_000


async def test_after_a_reload_the_status_shows_what_is_in_force(vestibule, busy):
    shown = lambda: json.loads(vestibule.get("/status.json")[1])
    before = shown()
    folder = vestibule.configuration.parent
    digests = {}
    for file in ["metadata", "shadow"]:
        path = folder / f"{file}.yaml"
        path.write_text(path.read_text() + "# Another one.\n")
        digests[file] = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    with vestibule.configuration.open("a") as configuration:
        configuration.write("max_connections: 1234\n")
    await hang_up(vestibule, "accepted")
    after = shown()
    assert (after["metadata"]["policy"], after["metadata"]["shadow"]) == (digests["metadata"], digests["shadow"])
    assert before["metadata"]["since"] < after["metadata"]["since"] and before["loaded"] < after["loaded"]
    assert before["started"] == after["started"]
    assert [full["most"] for full in after["fullness"] if full["of"] == "Connections"] == [1234]
    assert after["hosts"][GATEKEEPER]["sessions_open"] == CLIENTS


def text(page):
    """The words that a page shows, with one space between them."""
    body = page.split("<body>", 1)[1]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())
