"""The unit files by themselves: what systemd says of them, and that they say what the documentation says."""

import difflib
import re

from machine import REPOSITORY

UNITS = REPOSITORY / "deploy/systemd"


def test_systemd_finds_no_fault_in_the_units(machine, package):
    machine.run("dpkg", "--install", f"/shared/{package.name}")
    units = ["vestibule.service", "vestibule.socket", "vestibule@next.service"]
    assert machine.run("systemd-analyze", "verify", *units) == ""


def test_the_exposure_is_what_the_documentation_says(machine, package):
    machine.run("dpkg", "--install", f"/shared/{package.name}")
    page = (REPOSITORY / "deploy/README.md").read_text()
    (stated,) = re.findall(r"exposure\s+of\s+\*\*([0-9.]+)\s+\(OK\)\*\*", page)
    for unit in ("vestibule.service", "vestibule@next.service"):
        said = machine.run("systemd-analyze", "security", "--offline=true", unit)
        (measured,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+) OK", said)
        assert measured == stated


def test_an_instance_is_the_service_but_for_its_configuration_and_its_sockets():
    service, instance = [
        [line for line in (UNITS / name).read_text().splitlines() if line and not line.startswith("#")]
        for name in ("vestibule.service", "vestibule@.service")
    ]
    changed = [line for line in difflib.ndiff(service, instance) if line[0] in "+-"]
    keys = {line[2:].split("=")[0] for line in changed}
    assert keys == {"Description", "Sockets", "ExecStartPre", "ExecStart", "ExecReload", "LogsDirectory"}
