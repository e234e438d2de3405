//! What operators are given to see with: the dashboard, the console and the alerts name metrics that there are, and are
//! whole in themselves. That they show something is shown with a real Prometheus (`tests/peers/test_seen.py`).

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::files::root;

const DASHBOARD: &str = "deploy/grafana/vestibule.json";
const CONSOLE: &str = "deploy/prometheus/consoles/vestibule.html";
const RULES: &str = "deploy/prometheus/rules.yml";
const RULE_TESTS: &str = "deploy/prometheus/tests.yml";
const RUNBOOK: &str = "docs/runbook.md";

/// Columns of Grafana's grid.
const GRID: u64 = 24;

#[test]
fn every_metric_that_is_looked_at_is_documented_and_registered() {
    let documented = metrics_of(&read("docs/metrics.md"));
    let code: String =
        ["families", "events"].map(|file| read(&format!("src/telemetry/metrics/{file}.rs"))).concat();
    let registered = metrics_of(&code);
    for file in [DASHBOARD, CONSOLE, RULES, RULE_TESTS] {
        let used = metrics_of(&read(file));
        assert!(used.len() > 20, "{file}: {used:?}");
        for metric in used {
            assert!(documented.contains(&metric), "{file}: {metric} is not in docs/metrics.md");
            let is_ours = metric.starts_with("vestibule_");
            assert!(!is_ours || registered.contains(&metric), "{file}: {metric} is not registered");
        }
    }
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let shown = metrics_of(&read(DASHBOARD));
    let rows = read("docs/metrics.md");
    let documented = rows.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for metric in documented.filter(|name| name.starts_with("vestibule_")) {
        assert!(shown.contains(metric), "{metric} is nowhere on the dashboard");
    }
}

#[test]
fn the_console_shows_every_panel_of_the_dashboard() {
    let console = read(CONSOLE);
    for panel in panels() {
        let title = text(&panel["title"]);
        let heading = if panel["type"] == "row" { "</h2>" } else { "</h3>" };
        assert!(console.contains(&format!(">{title}{heading}")), "{title}");
    }
    for outside in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!console.contains(outside), "{outside}");
    }
}

#[test]
fn the_dashboard_is_whole() {
    let panels = panels();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = text(&panel["title"]);
        assert!(["stat", "timeseries", "table"].contains(&text(&panel["type"])), "{title}");
        assert!(!text(&panel["description"]).is_empty(), "{title} has no description");
        let defaults = &panel["fieldConfig"]["defaults"];
        assert!(!text(&defaults["unit"]).is_empty(), "{title} has no unit");
        let steps = defaults["thresholds"]["steps"].as_array().unwrap();
        assert!(steps[0]["value"].is_null(), "{title}: the first threshold holds from anywhere");
        let values: Vec<f64> = steps[1..].iter().map(|step| step["value"].as_f64().unwrap()).collect();
        assert!(values.is_sorted(), "{title}: {values:?}");
        check_targets(panel, title);
    }
}

fn check_targets(panel: &Value, title: &str) {
    let source = |value: &Value| {
        assert_eq!(value["datasource"]["type"], "prometheus", "{title}");
        assert_eq!(value["datasource"]["uid"], "${datasource}", "{title}");
    };
    source(panel);
    let targets = panel["targets"].as_array().unwrap();
    let names: BTreeSet<&str> = targets.iter().map(|target| text(&target["refId"])).collect();
    assert!(!targets.is_empty() && names.len() == targets.len(), "{title}");
    for target in targets {
        source(target);
        assert!(!text(&target["expr"]).contains(['@', '%']), "{title}");
        assert!(!text(&target["legendFormat"]).is_empty(), "{title} has no legend");
    }
}

#[test]
fn the_dashboard_s_variables_are_defined_and_used() {
    let dashboard = dashboard();
    let text_of_all = format!("{}{}", dashboard["panels"], dashboard["annotations"]);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<&str> = variables.iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ["datasource", "job", "instance", "host"]);
    for name in names {
        assert!(
            text_of_all.contains(&format!("${name}")) || text_of_all.contains(&format!("${{{name}}}")),
            "{name}"
        );
    }
    let used = text_of_all.split('$').skip(1).map(|rest| {
        let rest = rest.trim_start_matches('{');
        rest.split(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap()
    });
    let known = ["datasource", "job", "instance", "host", "__rate_interval"];
    for variable in used {
        assert!(known.contains(&variable), "${variable} is not defined");
    }
}

#[test]
fn no_two_panels_overlap() {
    let mut taken = BTreeSet::new();
    for panel in panels() {
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        let (x, y, width, height) = (side("x"), side("y"), side("w"), side("h"));
        assert!(width > 0 && height > 0 && x + width <= GRID, "{}", panel["title"]);
        for place in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{} lies on another panel at {place:?}", panel["title"]);
        }
    }
}

#[test]
fn every_alert_has_its_test_and_its_section_in_the_runbook() {
    let (rules, tests, runbook) = (read(RULES), read(RULE_TESTS), read(RUNBOOK));
    let after = |text: &str, prefix: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.trim().strip_prefix(prefix)?.to_owned())).collect()
    };
    let alerts = after(&rules, "- alert: ");
    assert!(alerts.len() > 20, "{alerts:?}");
    assert_eq!(after(&tests, "- name: "), alerts, "the tests are those of the alerts, in their order");
    assert_eq!(after(&runbook, "### "), alerts, "so is the runbook");
    for alert in &alerts {
        let section = runbook.split(&format!("### {alert}\n")).nth(1).unwrap().split("\n#").next().unwrap();
        for part in ["**Means** ", "**Look** ", "**Do** "] {
            assert!(section.contains(part), "{alert} lacks {part}");
        }
        let anchor = format!("runbook: docs/runbook.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&anchor), "{alert} does not name its section");
    }
}

#[test]
fn the_runbook_names_panels_that_there_are() {
    let mut known = BTreeSet::new();
    let mut row = String::new();
    for panel in panels() {
        let title = text(&panel["title"]).to_owned();
        if panel["type"] == "row" {
            row = title
        } else {
            known.insert(format!("{row} / {title}"));
        }
    }
    let runbook = read(RUNBOOK).replace("**", "").split_whitespace().collect::<Vec<_>>().join(" ");
    let named: Vec<&str> = runbook.split('*').skip(1).step_by(2).collect();
    assert!(named.len() > 20, "{named:?}");
    for panel in named {
        assert!(known.contains(panel), "there is no panel {panel}");
    }
}

/// The names of metrics in a text, those of a histogram's parts as the histogram's.
fn metrics_of(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let metrics = words.filter(|word| word.starts_with("vestibule_") || word.starts_with("process_"));
    let whole = |name: &str| {
        let part = ["_bucket", "_count", "_sum"].iter().find_map(|part| name.strip_suffix(part));
        part.unwrap_or(name).to_owned()
    };
    metrics.map(whole).collect()
}

fn panels() -> Vec<Value> {
    dashboard()["panels"].as_array().unwrap().clone()
}

fn dashboard() -> Value {
    serde_json::from_str(&read(DASHBOARD)).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}
