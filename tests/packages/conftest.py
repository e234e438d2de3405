"""What the tests of the packages share: the production binary, the Debian package of it, a machine to install it on,
and a gatekeeper for its clients."""

import os
import subprocess
from pathlib import Path

import pytest
import trustme

from installation import Installation
from machine import REPOSITORY, Machine
from names import GATEKEEPER, PASSWORD
from prosody import Prosody


@pytest.fixture(scope="session")
def binary():
    """Vestibule as it is packed, without the sandbox."""
    return Path(os.environ.get("VESTIBULE_BIN", REPOSITORY / "target/production/debug/vestibule"))


@pytest.fixture(scope="session")
def package(binary, tmp_path_factory):
    """The Debian package; one that is there already, if VESTIBULE_DEB names it."""
    if built := os.environ.get("VESTIBULE_DEB"):
        return Path(built).resolve()
    folder = tmp_path_factory.mktemp("debian")
    subprocess.run([REPOSITORY / "deploy/debian/build", binary, folder], check=True)
    (package,) = folder.glob("*.deb")
    return package


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def gatekeeper(authority, tmp_path_factory):
    prosody = Prosody(tmp_path_factory.mktemp("prosody"), authority)
    for user in ("alice", "bob"):
        prosody.register(user, GATEKEEPER, PASSWORD)
    yield prosody
    prosody.stop()


@pytest.fixture
def machine(package, tmp_path):
    machine = Machine(tmp_path, package.parent)
    yield machine
    machine.stop()


@pytest.fixture
def installation(machine, package, gatekeeper, authority, tmp_path):
    """The package, installed and configured for the gatekeeper, and not started yet."""
    return Installation(machine, package, gatekeeper, authority, tmp_path)
