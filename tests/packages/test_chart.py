"""The Helm chart, by Helm itself: linted, rendered with few values and with all, validated against Kubernetes' schemas;
and what it renders for Vestibule is given to Vestibule."""

import json
import re
import subprocess
import tomllib

import helm_python
import kubernetes_validate
import pytest
import yaml

from machine import REPOSITORY

CHART = REPOSITORY / "deploy/helm/vestibule"
KUBERNETES = "1.37"
# Kinds of other projects, whose schemas are not Kubernetes'.
FOREIGN = {"Certificate", "PodMonitor", "PrometheusRule"}


def values_of(name):
    return yaml.safe_load((CHART / f"ci/{name}-values.yaml").read_text())


def render(values, release="interop"):
    """All objects by kind and name, and the notes."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(chart.merge_values(values))
        files = chart.render(values, name=release, namespace="messaging")
    objects, notes = {}, ""
    for path, text in files.items():
        if path.endswith("NOTES.txt"):
            notes = text
            continue
        for document in filter(None, yaml.safe_load_all(text)):
            key = (document["kind"], document["metadata"]["name"])
            assert key not in objects
            objects[key] = document
    return objects, notes


@pytest.fixture(params=["minimal", "full"])
def values(request):
    return values_of(request.param)


def test_helm_lint_has_nothing_to_say(values):
    report = helm_python.lint(CHART, values, strict=True, namespace="messaging")
    findings = [message for message in report["messages"] if message["severity"] > 1]
    assert (findings, report["errors"]) == ([], [])


def test_every_object_is_valid_in_kubernetes(values):
    objects, _ = render(values)
    for (kind, _), document in objects.items():
        if kind not in FOREIGN:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_the_values_make_the_objects_that_they_ask_for():
    always = {"ConfigMap", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget"}
    asked = {"HorizontalPodAutoscaler", "Certificate", "PodMonitor", "PrometheusRule"}
    minimal, full = [{kind for kind, _ in render(values_of(name))[0]} for name in ("minimal", "full")]
    assert minimal == always | {"Deployment"}
    assert full == always | asked | {"StatefulSet"}


def pod_of(objects):
    (workload,) = [document for (kind, _), document in objects.items() if kind in ("Deployment", "StatefulSet")]
    return workload["spec"]["template"]["spec"]


def mounted(objects, secrets, folder):
    """Writes what a pod of these objects sees below /etc/vestibule, as its volume puts it together: all of it in one
    folder, which a link names, so that it changes at once."""
    pod = pod_of(objects)
    written = folder / "..2026_11_01"
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "configuration")
    for source in volume["projected"]["sources"]:
        if "configMap" in source:
            source, data = source["configMap"], objects["ConfigMap", source["configMap"]["name"]]["data"]
        else:
            source, data = source["secret"], secrets[source["secret"]["name"]]
        assert {item["key"] for item in source["items"]} == set(data)
        for item in source["items"]:
            path = written / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            text = data[item["key"]]
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "..data").symlink_to(written.name)
    for entry in written.iterdir():
        (folder / entry.name).symlink_to(f"..data/{entry.name}")


@pytest.fixture
def secrets(authority):
    """The secrets that the values name, and the one that cert-manager would make."""

    def pair(name):
        certificate = authority.issue_cert(name)
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        return {"tls.crt": chain, "tls.key": certificate.private_key_pem.bytes()}

    interop = pair("interop.provider.example")
    return {
        "interop-tls": interop,
        "interop-vestibule-interop": interop,
        "other-tls": pair("other.provider.example"),
        "other-roots": {"roots.pem": authority.cert_pem.bytes()},
        "vestibule-tickets": {"current.key": bytes(range(48)), "previous.key": bytes(range(48, 96))},
    }


def test_vestibule_takes_the_configuration_that_is_rendered(values, secrets, binary, tmp_path):
    objects, _ = render(values)
    folder = tmp_path / "etc"
    mounted(objects, secrets, folder)
    file = folder / "config/vestibule.yaml"
    (tmp_path / "audit").mkdir()
    # The one path that is the container's own.
    file.write_text(file.read_text().replace("/var/log/vestibule/audit", str(tmp_path / "audit")))
    done = subprocess.run([binary, "check", "--config", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # What is right for where it is checked says nothing of the cluster: the limit on open files.
    of_the_place = ["there is no audit log", "the limit on open files"]
    told = [line for line in done.stderr.splitlines() if not any(words in line for words in of_the_place)]
    assert told == []
    for host in values["configuration"]["hosts"]:
        assert f"streams to {host} " in done.stdout
    assert "metrics and probes on 0.0.0.0:9464" in done.stdout


def test_the_shipped_policies_rules_and_dashboard_are_in_the_chart_as_they_are():
    objects, _ = render(values_of("full"))
    policies = REPOSITORY / "policies"
    data = objects["ConfigMap", "interop-vestibule"]["data"]
    for policy in policies.rglob("*.yaml"):
        name = str(policy.relative_to(policies)).replace("/", "_")
        # A ConfigMap's text ends as YAML has it.
        assert data[name].rstrip("\n") == policy.read_text().rstrip("\n"), name
    rules = yaml.safe_load((REPOSITORY / "deploy/prometheus/rules.yml").read_text())
    assert objects["PrometheusRule", "interop-vestibule"]["spec"] == rules
    dashboard = json.loads((REPOSITORY / "deploy/grafana/vestibule.json").read_text())
    shown = objects["ConfigMap", "interop-vestibule-dashboard"]["data"]["vestibule.json"]
    assert json.loads(shown) == dashboard


def test_alerts_link_the_runbook_where_it_is_said_to_be():
    values = values_of("full")
    values["prometheusRule"]["runbookUrl"] = "https://pages.example/runbook"
    groups = render(values)[0]["PrometheusRule", "interop-vestibule"]["spec"]["groups"]
    alerts = [alert for group in groups for alert in group["rules"]]
    assert len(alerts) > 20
    for alert in alerts:
        assert alert["annotations"]["runbook_url"] == f"https://pages.example/runbook#{alert['alert'].lower()}"
        assert "runbook" not in alert["annotations"]


@pytest.mark.parametrize("names", [{}, {"nameOverride": "interop"}, {"fullnameOverride": "gate"}])
def test_every_release_is_a_job_that_the_alerts_find(names):
    def job(release):
        objects, _ = render(values_of("full") | names, release)
        (monitor,) = [document for (kind, _), document in objects.items() if kind == "PodMonitor"]
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        (relabelling,) = endpoint["relabelings"]
        assert relabelling["targetLabel"] == "job" and "jobLabel" not in monitor["spec"]
        return relabelling["replacement"]

    rules = (REPOSITORY / "deploy/prometheus/rules.yml").read_text()
    (expected,) = set(re.findall('job=~"([^"]*)"', rules))
    assert re.fullmatch(expected, job("interop"))
    assert job("interop") != job("other")


def test_listeners_of_both_families_share_a_port_and_name_servers_have_theirs(binary, secrets, tmp_path):
    values = values_of("minimal") | {"service": {"ipFamilyPolicy": "RequireDualStack"}, "admin": {"address": "[::]"}}
    listeners = [{"address": f"{address}:5223", "tls": "direct"} for address in ("0.0.0.0", "[::]")]
    values["configuration"] |= {"listeners": listeners, "resolver": {"nameservers": ["192.0.2.53:5353"]}}
    objects, _ = render(values)
    for (kind, _), document in objects.items():
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    service, policy = objects["Service", "interop-vestibule"]["spec"], objects["NetworkPolicy", "interop-vestibule"]["spec"]
    (container,) = pod_of(objects)["containers"]
    assert service["ipFamilyPolicy"] == "RequireDualStack"
    assert [port["port"] for port in service["ports"]] == [5223]
    assert [port["containerPort"] for port in container["ports"]] == [5223, 9464]
    assert [port["port"] for port in policy["ingress"][0]["ports"]] == [5223]
    assert [(port["port"], port["protocol"]) for port in policy["egress"][0]["ports"]] == [(5353, "UDP"), (5353, "TCP")]
    mounted(objects, secrets, tmp_path)
    file = tmp_path / "config/vestibule.yaml"
    done = subprocess.run([binary, "check", "--config", file], capture_output=True, text=True)
    assert done.returncode == 0 and "metrics and probes on [::]:9464" in done.stdout, done.stderr


def test_a_packed_chart_has_all_of_it(tmp_path):
    archive = helm_python.package(CHART, destination=tmp_path)
    listed = subprocess.run(["tar", "--list", "--file", archive], capture_output=True, text=True, check=True)
    for file in ("files/rules.yml", "files/dashboard.json", "files/policies/limits/default.yaml"):
        assert f"vestibule/{file}" in listed.stdout
    command = ["tar", "--extract", "--to-stdout", "--file", archive, "vestibule/files/rules.yml"]
    rules = subprocess.run(command, capture_output=True, check=True)
    assert rules.stdout == (REPOSITORY / "deploy/prometheus/rules.yml").read_bytes()


def test_pods_have_no_privileges(values):
    pod = pod_of(render(values)[0])
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] is True and context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}


def seconds(text):
    assert re.fullmatch("[0-9]+s", text)
    return int(text.removesuffix("s"))


def test_a_pod_has_the_time_to_drain():
    """`delay` and `spread`, 10 seconds for sessions that end slowly, and 8 for the logs."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    drain = defaults["configuration"]["drain"]
    needed = seconds(drain["delay"]) + seconds(drain["spread"]) + 10 + 8
    assert pod_of(render(values_of("minimal"))[0])["terminationGracePeriodSeconds"] >= needed


def test_a_changed_policy_makes_new_pods():
    def checksum(values):
        objects, _ = render(values)
        deployment = objects["Deployment", "interop-vestibule"]
        return deployment["spec"]["template"]["metadata"]["annotations"]["checksum/configuration"]

    values = values_of("minimal")
    before = checksum(values)
    assert checksum(values) == before
    values["policies"] = {"limits/other.yaml": "client: {}\n"}
    assert checksum(values) != before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda values: values["configuration"].pop("hosts"), "hosts"),
        (lambda values: values["configuration"].update(admin={"address": "0.0.0.0:1"}), "admin"),
        (lambda values: values["certificates"].append({"name": "x"}), "certificates"),
        (lambda values: values.update(replica=3), "replica"),
        (lambda values: values.update(prometheusRule={"runbookUrl": "docs/runbook.md"}), "runbookUrl"),
        (lambda values: values.update(ticketKeys={"secretName": "x", "keys": []}), "ticketKeys"),
    ],
)
def test_wrong_values_are_refused_by_name(change, told):
    values = values_of("minimal")
    change(values)
    with pytest.raises(helm_python.HelmError, match=told):
        render(values)


def test_the_readme_lists_every_value():
    page = (CHART / "README.md").read_text()
    listed = re.findall(r"^\| `([a-zA-Z]+)", page, re.MULTILINE)
    assert set(listed) == set(yaml.safe_load((CHART / "values.yaml").read_text()))


def test_versions_are_the_products():
    product = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]["version"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == product


def test_the_notes_say_where_to_connect_and_what_is_left_to_do():
    minimal, full = [render(values_of(name))[1] for name in ("minimal", "full")]
    for notes, host in ((minimal, "gatekeeper.example."), (full, "gatekeeper.example, other.example.")):
        assert f"clients of {host}" in notes and "get service interop-vestibule" in notes
    assert "ticketKeys" in minimal and "ticketKeys" not in full
