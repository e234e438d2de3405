"""A real Prometheus that scrapes a Vestibule with the shipped rules and console, and a browser that looks at pages."""

import contextlib
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from names import DEADLINE
from process import Server, free_port
from vestibule import REPOSITORY

RULES = REPOSITORY / "deploy/prometheus/rules.yml"
CONSOLES = REPOSITORY / "deploy/prometheus/consoles"
DASHBOARD = REPOSITORY / "deploy/grafana/vestibule.json"

CONFIGURATION = """\
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [{rules}]
scrape_configs:
  - job_name: vestibule
    static_configs: [{{ targets: ["127.0.0.1:{target}"] }}]
  # One that is down.
  - job_name: vestibule-down
    static_configs: [{{ targets: ["127.0.0.1:1"] }}]
  # Another program, which has metrics of its process, too.
  - job_name: prometheus
    static_configs: [{{ targets: ["127.0.0.1:{itself}"] }}]
"""

# What Grafana puts in the place of its variables when everything is chosen.
CHOSEN = {"$instance": ".+", "$host": ".+", "$__rate_interval": "30s"}

LABELS = re.compile(r"label_values\((?P<series>.+), (?P<label>\w+)\)")

COMPARISONS = (">=", "<=", "==", "!=", ">", "<")
MATCHING = re.compile(r"^(on|ignoring)\s*\([^)]*\)")


class Prometheus:
    def __init__(self, folder, target):
        self.port = free_port()
        self.folder = folder
        configuration = folder / "prometheus.yml"
        configuration.write_text(CONFIGURATION.format(rules=RULES, target=target, itself=self.port))
        promtool("check", "config", configuration)
        libraries = folder / "libraries"
        libraries.mkdir()
        command = [
            "prometheus",
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--web.console.templates={CONSOLES}",
            f"--web.console.libraries={libraries}",
        ]
        self.server = Server(command, folder / "prometheus.txt", [self.port])

    def is_ready(self):
        """It answers before it has loaded what it stored."""
        with contextlib.suppress(urllib.error.HTTPError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=DEADLINE):
                return True
        return False

    def query(self, expression):
        """What an expression gives now, without what is not a number."""
        result = self.ask("query", query=expression)
        assert result["resultType"] == "vector", expression
        values = [(sample["metric"], float(sample["value"][1])) for sample in result["result"]]
        return [(labels, value) for labels, value in values if value == value]

    def ask(self, path, **arguments):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            said = json.load(answer)
        assert said["status"] == "success", said
        return said["data"]

    def console(self):
        return f"http://127.0.0.1:{self.port}/consoles/vestibule.html"

    def stop(self):
        self.server.kill()


def promtool(*arguments, text=None):
    """Fails unless promtool is content."""
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, timeout=DEADLINE, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def expressions_of_the_dashboard(job="vestibule"):
    """Each with the panel, the annotation or the variable that it belongs to, as Grafana would ask it."""
    dashboard = json.loads(DASHBOARD.read_text())
    panels = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
    annotations = [(annotation["name"], annotation["expr"]) for annotation in dashboard["annotations"]["list"]]
    variables = [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    labels = [(variable["name"], LABELS.fullmatch(variable["query"]["query"])) for variable in variables]
    queries = [(name, f"count by ({matched['label']}) ({matched['series']})") for name, matched in labels]
    for title, expression in [*panels, *annotations, *queries]:
        for variable, chosen in (CHOSEN | {"$job": job}).items():
            expression = expression.replace(variable, chosen)
        yield title, expression


def looked_at(expression):
    """What an alert looks at: its expression without what it compares with, as that leaves nothing when all is well."""
    parts = _split(expression.removeprefix("absent"), (" and ",))
    sides = [side for part in parts for side in _split(MATCHING.sub("", part.strip()), COMPARISONS)]
    sides = [MATCHING.sub("", side.strip()).strip() for side in sides]
    return [side for side in sides if re.search("[a-z]", side)]


def _split(expression, separators):
    """At the separators that stand in no brackets and no quotes."""
    pieces, start, depth, quoted, at = [], 0, 0, False, 0
    while at < len(expression):
        character = expression[at]
        quoted ^= character == '"'
        if not quoted:
            depth += character in "({["
            depth -= character in ")}]"
        found = next((it for it in separators if expression.startswith(it, at)), None) if not (quoted or depth) else None
        if found:
            pieces.append(expression[start:at])
            at = start = at + len(found)
        else:
            at += 1
    return [*pieces, expression[start:]]


class Browser:
    """Chromium, which is started for each look at a page."""

    def __init__(self, folder):
        self.folder = folder

    def shown(self, url):
        """The page's document once it has been laid out."""
        return self._run(url, "--dump-dom").stdout

    def picture(self, url, name, width=1280, height=1600, dark=False):
        path = self.folder / f"{name}.png"
        scheme = "--blink-settings=preferredColorScheme=" + ("0" if dark else "1")
        self._run(url, f"--screenshot={path}", f"--window-size={width},{height}", scheme, "--hide-scrollbars")
        return path

    def _run(self, url, *options):
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += [f"--user-data-dir={self.folder / 'browser'}", *options, url]
        done = subprocess.run(command, capture_output=True, timeout=DEADLINE, text=True)
        assert done.returncode == 0, done.stderr
        return done
