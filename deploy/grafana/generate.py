#!/usr/bin/env python3
"""Writes the Grafana dashboard and the Prometheus console from panels.py, so that both show the same.

    deploy/grafana/generate.py            writes both
    deploy/grafana/generate.py --check    fails if either is not what would be written
"""

import json
import re
import sys
from pathlib import Path

from panels import GOOD, ROWS

HERE = Path(__file__).resolve().parent
DASHBOARD = HERE / "vestibule.json"
CONSOLE = HERE.parent / "prometheus/consoles/vestibule.html"

WIDTH = 24
HEIGHTS = {"row": 1, "stat": 4, "timeseries": 8, "table": 8}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


# --- Grafana


def in_grafana(expression):
    process = 'job=~"$job",instance=~"$instance"'
    expression = expression.replace("@process", process).replace("@host", f'{process},host=~"$host"')
    return expression.replace("$rate", "$__rate_interval")


def dashboard():
    return {
        "__inputs": [],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        ],
        "uid": "vestibule",
        "title": "Vestibule",
        "description": "What Vestibule does: sessions, traffic, refusals, upstreams, certificates, limits, the process.",
        "tags": ["vestibule", "xmpp"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [],
        "templating": {"list": variables()},
        "annotations": {"list": [restarts()]},
        "panels": placed(ROWS),
    }


def variables():
    chosen = {"multi": True, "includeAll": True, "current": {"selected": True, "text": "All", "value": "$__all"}}
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}}
    return [
        source | {"hide": 0, "options": [], "refresh": 1, "regex": ""},
        variable("job", "Job", "label_values(vestibule_build_info, job)") | {"current": {}},
        variable("instance", "Process", 'label_values(vestibule_build_info{job=~"$job"}, instance)') | chosen,
        variable("host", "Host", 'label_values(vestibule_sessions_open{job=~"$job"}, host)') | chosen,
    ]


def variable(name, label, query):
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        # When the time range changes: hosts and processes come and go.
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "options": [],
        "regex": "",
        "multi": False,
        "includeAll": False,
    }


def restarts():
    """At the times that the processes tell themselves, so that none is missed between two points of a graph."""
    expression = "process_start_time_seconds{@process} * 1000 and on (job, instance) vestibule_build_info{@process}"
    return {
        "name": "Starts",
        "datasource": SOURCE,
        "enable": True,
        "expr": in_grafana(expression),
        "useValueForTime": True,
        "iconColor": "blue",
        "titleFormat": "{{instance}} has started",
        "step": "60s",
    }


def placed(rows):
    """All panels with their places on the grid, row after row."""
    panels, top = [], 0
    for title, content in rows.items():
        panels.append(row(title, len(panels) + 1, top))
        top += HEIGHTS["row"]
        left = height = 0
        for panel in content:
            if left + panel.width > WIDTH:
                top, left, height = top + height, 0, 0
            place = {"x": left, "y": top, "w": panel.width, "h": HEIGHTS[panel.kind]}
            panels.append(in_json(panel, len(panels) + 1, place))
            left, height = left + panel.width, max(height, place["h"])
        top += height
    return panels


def row(title, number, top):
    place = {"x": 0, "y": top, "w": WIDTH, "h": HEIGHTS["row"]}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def in_json(panel, number, place):
    instant = panel.kind != "timeseries"
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "editorMode": "code",
                "expr": in_grafana(expression),
                # In a table, what the legend is in the console is a column.
                "legendFormat": "__auto" if panel.kind == "table" else legend or "__auto",
                "instant": instant,
                "range": not instant,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for index, (expression, legend) in enumerate(panel.targets)
        ],
        "fieldConfig": {"defaults": defaults(panel), "overrides": []},
        "options": OPTIONS[panel.kind],
        **({"transformations": columns(panel)} if panel.kind == "table" else {}),
    }


def defaults(panel):
    steps = panel.steps or [(None, GOOD)]
    fields = {
        "unit": panel.unit,
        "min": 0 if panel.kind == "timeseries" else None,
        "max": panel.maximum,
        "thresholds": {"mode": "absolute", "steps": [{"color": colour, "value": value} for value, colour in steps]},
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "noValue": "none",
        "mappings": [],
    }
    if panel.kind == "timeseries":
        fields["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 25 if panel.stack else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stack else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
        }
    return {key: value for key, value in fields.items() if value is not None}


OPTIONS = {
    "stat": {
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"], "sortBy": "Last *", "sortDesc": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "table": {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}},
}


def columns(panel):
    """Of a table, one label and the value."""
    (_, label), *_ = panel.targets
    options = {"excludeByName": {"Time": True}, "indexByName": {label: 0}, "renameByName": {"Value": panel.title}}
    return [{"id": "organize", "options": options}]


# --- Prometheus


# How a value of a unit is written.
WRITTEN = {
    "short": "humanize",
    "ops": "humanize",
    "reqps": "humanize",
    "bytes": "humanize1024",
    "Bps": "humanize1024",
    # Its two largest units.
    "s": 'humanizeDuration | reReplaceAll "^([^ ]+ [^ ]+) .*" "$1"',
    "percentunit": "humanizePercentage",
}
AFTER = {"ops": "/s", "reqps": "/s", "bytes": "B", "Bps": "B/s"}

# The bars of an hour, from the oldest to the newest, in minutes.
BARS = range(55, -1, -5)

HEAD = """\
<!doctype html>
{{- /* Written by deploy/grafana/generate.py. `?job=`, `?instance=` and `?host=` take regular expressions. */ -}}
{{- $job := printf "%q" (or (index .Params "job") ".*vestibule.*") -}}
{{- $instance := printf "%q" (or (index .Params "instance") ".+") -}}
{{- $host := printf "%q" (or (index .Params "host") ".+") }}
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vestibule</title>
<style>
:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfbfa, #15171a); --card: light-dark(#fff, #1d2024); --ink: light-dark(#1c1f23, #e7e9ec);
  --faint: light-dark(#5a626c, #a3abb5); --line: light-dark(#dfe2e6, #33383f); --bar: light-dark(#7fa7d6, #4d7db3);
  --green: light-dark(#146c3a, #6fd39b); --orange: light-dark(#8a5200, #f2b84b); --red: light-dark(#b3261e, #ff8f86);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 80rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.45 system-ui, "Liberation Sans", sans-serif; font-variant-numeric: tabular-nums;
}
h1 { margin: 0 0 .25rem; font-size: 1.6rem; }
h2 { margin: 2rem 0 .6rem; font-size: 1.15rem; }
h3 { margin: 0; color: var(--faint); font-size: .9rem; font-weight: 600; }
nav, .faint, .none { color: var(--faint); }
nav a { margin-inline-end: .75rem; color: inherit; }
.panels { display: grid; align-items: start; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: .75rem; }
.numbers { align-items: stretch; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); margin-bottom: .75rem; }
.numbers .panel { display: flex; flex-direction: column; }
.panel { padding: .7rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
.number { margin: 0; font-size: 1.5rem; font-weight: 600; }
.green { color: var(--green); } .orange { color: var(--orange); } .red { color: var(--red); }
svg { display: block; width: 100%; height: 2rem; margin-top: auto; padding-top: .4rem; fill: var(--bar); }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .2rem 0; font-weight: 400; text-align: start; overflow-wrap: anywhere; border-top: 1px solid var(--line); }
td { padding-inline-start: 1rem; text-align: end; white-space: nowrap; }
@media (max-width: 26rem) { body { padding: 1rem; } .panels { grid-template-columns: 1fr; } }
</style>
</head>
<body>
<h1>Vestibule</h1>
"""


def in_console(expression):
    """A format for `printf` of the template, which takes the jobs, the processes, the hosts, and how long ago."""
    process, host = "job=~%[1]s,instance=~%[2]s", "job=~%[1]s,instance=~%[2]s,host=~%[3]s"
    assert "%" not in expression
    expression = re.sub(r"(\{@[^}]*\}(?:\[[^\]]*\])?)", r"\1%[4]s", expression)
    return expression.replace("@process", process).replace("@host", host).replace("$rate", "5m")


def query(expression, above="-Inf"):
    return asked(in_console(expression), "``", above)


def asked(format, ago, above="-Inf"):
    # What is not a number is left out, as in a graph.
    return f"query (printf `({format}) > {above}` $job $instance $host {ago})"


def console():
    parts = [HEAD, "<nav>"]
    parts += [f'<a href="#{anchor(title)}">{title}</a>' for title in ROWS]
    parts += ["</nav>\n<main>\n"]
    for title, content in ROWS.items():
        parts += [f'<h2 id="{anchor(title)}">{title}</h2>\n']
        numbers = [panel for panel in content if panel.kind == "stat"]
        others = [panel for panel in content if panel.kind != "stat"]
        if numbers:
            parts += ['<div class="panels numbers">\n', *map(number, numbers), "</div>\n"]
        if others:
            parts += ['<div class="panels">\n', *map(rows, others), "</div>\n"]
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def anchor(title):
    return title.lower().replace(" ", "-")


def number(panel):
    ((expression, _),) = panel.targets
    value = f"<p class=\"number{colour(panel)}\">{written(panel.unit)}</p>"
    return (
        f'<section class="panel" title="{panel.description}"><h3>{panel.title}</h3>'
        f'{{{{ range {query(expression)} }}}}{value}{{{{ else }}}}<p class="none">none</p>{{{{ end }}}}'
        f"{bars(expression)}</section>\n"
    )


def written(unit):
    written = f"{{{{ .Value | {WRITTEN[unit]} }}}}"
    if WRITTEN[unit] == "humanize":
        # It would tell a tenth as 100m.
        written = f'{{{{ if lt .Value 1.0 }}}}{{{{ .Value | printf "%.2g" }}}}{{{{ else }}}}{written}{{{{ end }}}}'
    return written + AFTER.get(unit, "")


def colour(panel):
    """The class of a number by its thresholds."""
    if not panel.steps:
        return ""
    (_, first), (second_from, second), (third_from, third) = panel.steps
    return (
        f" {{{{ if ge .Value {float(third_from)} }}}}{third}{{{{ else if ge .Value {float(second_from)} }}}}{second}"
        f"{{{{ else }}}}{first}{{{{ end }}}}"
    )


def bars(expression):
    """The last hour, each bar as a share of the highest one. What counts from now on has no past."""
    if "time()" in expression:
        return ""
    highest = in_console(f"max_over_time(({expression})[1h:5m])").replace("%[4]s", "")
    share = f"40 * ({in_console(expression)}) / ({highest} > 0)"
    drawn = []
    for place, minutes in enumerate(BARS):
        past = f"` offset {minutes}m`" if minutes else "``"
        bar = f'<rect x="{place * 10}" width="8" height="{{{{ .Value | printf "%.1f" }}}}"/>'
        drawn.append(f"{{{{ range {asked(share, past)} }}}}{bar}{{{{ end }}}}")
    return (
        '<svg viewBox="0 0 118 40" preserveAspectRatio="none" aria-hidden="true"><g transform="matrix(1 0 0 -1 0 40)">'
        + "".join(drawn)
        + "</g></svg>"
    )


def rows(panel):
    shown = []
    for expression, legend in panel.targets:
        # Of what is counted by reason, most reasons have not happened.
        counted = "rate(vestibule_" in expression and "quantile" not in expression
        if panel.kind == "table":
            legend = "{{%s}}" % legend
        name = re.sub(r"\{\{(\w+)\}\}", r"{{ .Labels.\1 }}", legend)
        shown.append(
            f"{{{{ range {query(expression, '0' if counted else '-Inf')} }}}}<tr><th scope=\"row\">{name}</th><td>{written(panel.unit)}</td></tr>"
            + "{{ else }}<tr><td class=\"none\" colspan=\"2\">"
            + ("nothing now" if counted else "none")
            + "</td></tr>{{ end }}"
        )
    return (
        f'<section class="panel" title="{panel.description}"><h3>{panel.title}</h3><table>'
        + "".join(shown)
        + "</table></section>\n"
    )


def main():
    files = {DASHBOARD: json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n", CONSOLE: console()}
    if sys.argv[1:] == ["--check"]:
        stale = [path.name for path, text in files.items() if not path.exists() or path.read_text() != text]
        sys.exit(f"not what {Path(__file__).name} writes: {', '.join(stale)}" if stale else 0)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
