"""The Dockerfile: linted, its image built and run, and a session through it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from client import Client, Door
from image import DOCKERFILE, Images
from machine import REPOSITORY
from names import GATEKEEPER, INTEROP, PASSWORD
from process import free_port


@pytest.fixture(scope="module")
def images(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    images = Images(folder)
    images.build(binary)
    yield images
    shutil.rmtree(folder)


@pytest.fixture
def folder(authority, gatekeeper, tmp_path):
    """/etc/vestibule as it would be mounted: the shipped configuration with what has to be changed in it."""
    folder = tmp_path / "vestibule"
    shutil.copytree(REPOSITORY / "config", folder / "config", ignore=shutil.ignore_patterns("sandbox", "tls"))
    shutil.copytree(REPOSITORY / "policies", folder / "policies")
    (folder / "tls").mkdir()
    certificate = authority.issue_cert(INTEROP)
    for name, blobs in {
        "chain.pem": certificate.cert_chain_pems,
        "key.pem": [certificate.private_key_pem],
        "authority.pem": [authority.cert_pem],
    }.items():
        (folder / "tls" / name).write_bytes(b"".join(blob.bytes() for blob in blobs))
    subprocess.run(["chown", "-R", "65532:65532", folder / "tls"], check=True)
    (folder / "tls/key.pem").chmod(0o600)
    configuration = yaml.safe_load((folder / "config/vestibule.yaml").read_text())
    configuration["listeners"][0]["address"] = f"127.0.0.1:{free_port()}"
    configuration["admin"]["address"] = f"127.0.0.1:{free_port()}"
    configuration["hosts"][GATEKEEPER]["certificate"] = {"chain": "../tls/chain.pem", "key": "../tls/key.pem"}
    upstream = configuration["upstreams"]["gatekeeper"]
    upstream.update(endpoints=[f"127.0.0.1:{gatekeeper.port}"], roots="../tls/authority.pem", signals="off")
    del configuration["audit_log"]
    # YAML 1.1 reads `off` as false.
    configuration["listeners"][0]["proxy_protocol"] = "off"
    (folder / "config/vestibule.yaml").write_text(yaml.safe_dump(configuration))
    return folder, configuration


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def test_hadolint_has_nothing_to_say():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_build_is_the_one_of_the_product():
    rust = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]["rust-version"]
    dockerfile = DOCKERFILE.read_text()
    assert f"FROM rust:{rust}-" in dockerfile
    assert re.search(r"cargo build --release --locked --no-default-features --bin vestibule", dockerfile)


def test_the_image_holds_the_binary_and_the_defaults_and_no_key(images):
    added = {file for file in images.files() if not file.startswith(("/usr/lib/", "/etc/ssl/"))}
    assert {"/usr/local/bin/vestibule", "/etc/vestibule/config/vestibule.yaml"} <= added
    assert "/etc/vestibule/policies/metadata/default-deny.yaml" in added
    assert not [file for file in added if file.endswith((".pem", ".key"))]
    assert not [file for file in added if file.startswith(("/bin", "/usr/bin", "/sbin"))], "there is no shell"
    settings = images.settings()
    assert settings["User"] == "65532:65532"
    assert settings["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/vestibule", "healthcheck"]


async def test_it_serves_a_client_and_says_whether_it_lives(images, folder, tmp_path):
    folder, configuration = folder
    port = port_of(configuration["listeners"][0]["address"])
    admin = configuration["admin"]["address"]
    checked = subprocess.run(
        images.run(folder, "check", "--config", "/etc/vestibule/config/vestibule.yaml"), capture_output=True, text=True
    )
    assert checked.returncode == 0 and checked.stdout.startswith("ok"), checked.stdout + checked.stderr
    health = images.run(folder, "healthcheck", "--ready", "--address", admin)
    assert subprocess.run(health, capture_output=True).returncode != 0
    server = images.start(folder, tmp_path / "output.txt", [port, port_of(admin)])
    try:
        assert subprocess.run(health, capture_output=True).returncode == 0
        client = Client(Door(port, INTEROP, folder / "tls/authority.pem"), f"alice@{GATEKEEPER}", PASSWORD)
        await client.login()
        await client.round_trip()
        await client.leave()
    finally:
        assert images.stop(server) == 0
