"""The Debian package: linted, installed on a machine with systemd, started under its units, used by clients, reloaded,
upgraded, and taken away again."""

import asyncio
import re
import ssl
import subprocess
from contextlib import asynccontextmanager

import pytest
import trustme

from installation import Installation
from machine import REPOSITORY
from names import DEADLINE, INTEROP
from process import eventually

SERVICE = "vestibule.service"
# What a system user leaves behind, who is never deleted: the number could be given to somebody else.
USER_FILES = {"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"}


def test_lintian_has_nothing_to_say(package):
    command = ["lintian", "--profile", "debian", "--allow-root", "--fail-on", "error,warning,info", package]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_what_is_commented_out_in_its_configuration_names_files_of_the_system(package, binary, tmp_path):
    """Made to hold, all of it together is right where the keys are in /etc/vestibule/tls."""
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)
    tls = tmp_path / "etc/vestibule/tls"
    tls.mkdir()
    certificate = trustme.CA().issue_cert(INTEROP)
    for side in ("", "client-"):
        certificate.cert_chain_pems[0].write_to_path(tls / f"{side}chain.pem")
        certificate.private_key_pem.write_to_path(tls / f"{side}key.pem")
    for number in (1, 2):
        (tls / f"ticket-{number}.key").write_bytes(bytes([number]) * 48)
    for log in ("access", "audit"):
        (tmp_path / "var/log/vestibule" / log).mkdir(parents=True)

    file = tmp_path / "etc/vestibule/config/vestibule.yaml"
    text = file.read_text()
    folder = re.search(r"`(\{ folder: .*access.* })`", text)[1]
    text = text.replace("access_log: stdout", f"access_log: {folder}").replace("/var/log/", f"{tmp_path}/var/log/")
    text, count = re.subn(r"^( *)# (client_certificate|tickets): ", r"\1\2: ", text, flags=re.MULTILINE)
    assert count == 2
    file.write_text(text)
    done = subprocess.run([binary, "check", "--config", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_brings_manual_pages_and_completions_for_its_commands(machine, package):
    machine.run("dpkg", "--install", f"/shared/{package.name}")
    for page in ("vestibule", "vestibule-run", "vestibule-policy-explain"):
        assert page.upper() in machine.run("man", "--pager=cat", page).upper()
    for file in ("bash-completion/completions/vestibule", "zsh/vendor-completions/_vestibule"):
        assert "healthcheck" in machine.path(f"/usr/share/{file}").read_text()


def test_after_the_installation_nothing_runs_and_a_start_says_what_is_missing(machine, package):
    machine.run("dpkg", "--install", f"/shared/{package.name}")
    for unit in ("vestibule.service", "vestibule.socket"):
        assert machine.run("systemctl", "is-enabled", unit, check=False).strip() == "disabled"
        assert machine.run("systemctl", "is-active", unit, check=False).strip() == "inactive"
    assert machine.run("systemctl", "start", SERVICE, check=False)
    said = machine.run("journalctl", "--no-pager", "--output=cat", f"--unit={SERVICE}")
    assert "vestibule.yaml:22:" in said and "cannot be read: there is none" in said


def test_what_is_documented_for_the_first_start_works_in_its_order(installation):
    """The commands of deploy/README.md, which README.Debian has, too."""
    page = (REPOSITORY / "deploy/README.md").read_text()
    (commands,) = re.findall(r"^    install -m 0640 .*\n(?:    .+\n)+", page, re.MULTILINE)
    commands = [command.strip() for command in commands.splitlines()]
    steps = [f" {command}" for command in commands]
    readme = installation.machine.path("/usr/share/doc/vestibule/README.Debian").read_text()
    assert [step for step in steps if step in readme] == steps
    installation.machine.run("sh", "-c", "mv /etc/vestibule/tls/chain.pem /etc/vestibule/tls/key.pem /root")
    for command in commands:
        installation.machine.run("sh", "-c", f"cd /root && {command}")
    assert installation.property("ActiveState") == "active"
    assert installation.property("UnitFileState") == "enabled"
    for folder in ("", "/access", "/audit"):
        owner = installation.machine.run("stat", "--format=%U:%G %a", f"/var/log/vestibule{folder}").strip()
        assert owner == "vestibule:vestibule 700"


@asynccontextmanager
async def two_clients(installation):
    alice, bob = [await installation.log_in(user) for user in ("alice", "bob")]
    try:
        yield alice, bob
    finally:
        await alice.leave()
        await bob.leave()


async def converse(alice, bob, text):
    alice.send_message(mto=bob.boundjid, mbody=text, mtype="chat")
    assert (await bob.message())["body"] == text


async def test_it_serves_clients_as_a_user_without_privileges(installation):
    installation.systemctl("start", SERVICE)
    process = installation.property("MainPID")
    status = installation.machine.path(f"/proc/{process}/status").read_text()
    user = installation.machine.run("id", "--user", "vestibule").strip()
    assert f"Uid:\t{user}\t{user}" in status
    assert "CapPrm:\t0000000000000000" in status and "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
    async with two_clients(installation) as (alice, bob):
        await converse(alice, bob, "through the package")
    address = f"127.0.0.1:{installation.admin}"
    installation.machine.run("vestibule", "healthcheck", "--ready", "--address", address)
    records = installation.machine.run("ls", "/var/log/vestibule/audit").split()
    assert records


async def test_a_reload_keeps_the_sessions_and_a_refused_one_fails(installation):
    installation.systemctl("start", SERVICE)
    process = installation.property("MainPID")
    async with two_clients(installation) as (alice, bob):
        installation.renew_certificate()
        installation.systemctl("reload", SERVICE)
        await converse(alice, bob, "after a reload")
        installation.replace("metadata: ", "metadata_is_not_a_key: ")
        assert "failed" in installation.systemctl("reload", SERVICE, check=False)
        assert "vestibule.yaml:63:1: unknown key" in installation.journal()
        await converse(alice, bob, "after a reload that was refused")
    assert installation.property("MainPID") == process


async def test_an_upgrade_restarts_what_runs(installation):
    installation.systemctl("start", SERVICE)
    process = installation.property("MainPID")
    installation.install()
    assert installation.property("ActiveState") == "active"
    assert installation.property("MainPID") != process
    async with two_clients(installation) as (alice, bob):
        await converse(alice, bob, "after an upgrade")


async def test_a_stop_ends_in_time_and_well(installation):
    installation.systemctl("start", SERVICE)
    async with two_clients(installation) as (alice, bob):
        await converse(alice, bob, "before the stop")
        installation.systemctl("stop", SERVICE)
    assert installation.property("Result") == "success"
    assert installation.property("ExecMainStatus") == "0"


async def connections_while(installation, work):
    """Opens connections all the time while `work` is done, no more than one address may; each must be taken and shown
    a certificate. Gives how many there were."""
    tls = ssl.create_default_context(cafile=installation.door.authority)
    count = 0
    working = asyncio.create_task(asyncio.to_thread(work))
    while not working.done():
        _, writer = await asyncio.open_connection(
            "127.0.0.1", installation.port, ssl=tls, server_hostname=INTEROP, ssl_handshake_timeout=DEADLINE
        )
        writer.close()
        count += 1
        await asyncio.sleep(0.1)
    await working
    return count


async def test_no_connection_is_refused_over_a_restart_if_systemd_has_the_socket(installation):
    installation.hold_sockets()
    installation.systemctl("start", SERVICE)
    process = installation.property("MainPID")
    assert await connections_while(installation, lambda: installation.systemctl("restart", SERVICE)) > 0
    assert installation.property("MainPID") != process
    async with two_clients(installation) as (alice, bob):
        await converse(alice, bob, "after a restart")


async def test_an_instance_takes_over_and_gives_back_the_sockets(installation):
    installation.hold_sockets()
    installation.systemctl("start", SERVICE)
    process = installation.property("MainPID")
    next_instance = installation.prepare_instance("next")

    def take_over():
        for step in (("start", next_instance), ("restart", SERVICE), ("stop", next_instance)):
            installation.systemctl(*step)

    assert await connections_while(installation, take_over) > 0
    assert installation.property("MainPID") != process
    # What it had been handed did not keep the first one from its drain.
    assert "Watchdog timeout" not in installation.journal()
    assert installation.property("Result", next_instance) == "success"
    assert installation.property("ActiveState", next_instance) == "inactive"
    async with two_clients(installation) as (alice, bob):
        await converse(alice, bob, "after the takeover")


async def test_a_process_that_shows_no_life_is_replaced(installation):
    installation.drop_in("[Service]\nWatchdogSec=2\n")
    installation.systemctl("start", SERVICE)
    process = installation.property("MainPID")
    installation.machine.run("sh", "-c", f"kill -STOP {process}")
    await eventually(lambda: installation.property("MainPID") not in (process, "0"))
    await eventually(lambda: installation.property("ActiveState") == "active")
    assert "Watchdog timeout" in installation.journal()


def files(machine):
    """All that is on the machine but for what systemd, dpkg and man keep of their own."""
    own = "/(proc|sys|run|dev|tmp|shared)|/var/(lib/(dpkg|systemd)|cache/(man|ldconfig)|log/(journal|dpkg.log))"
    command = f"find / -xdev -regextype posix-extended -regex '({own})(/.*)?' -prune -o -printf '%p %l\\n'"
    return set(machine.run("sh", "-c", command).splitlines())


@pytest.mark.parametrize("enabled", [False, True])
def test_a_purge_leaves_nothing_but_the_user(machine, package, gatekeeper, authority, tmp_path, enabled):
    before = files(machine)
    installation = Installation(machine, package, gatekeeper, authority, tmp_path)
    if enabled:
        installation.systemctl("enable", "vestibule.socket", SERVICE)
    installation.systemctl("start", SERVICE)
    machine.run("dpkg", "--remove", "vestibule")
    assert installation.property("ActiveState") == "inactive"
    assert machine.path("/etc/vestibule/config/vestibule.yaml").exists()
    assert machine.path("/var/log/vestibule/audit").is_dir()
    machine.run("dpkg", "--purge", "vestibule")
    # Whose keys they are, deletes them.
    kept = {path for path in files(machine) - before}
    assert kept == {"/etc/vestibule ", "/etc/vestibule/tls "} | {
        f"/etc/vestibule/tls/{name} " for name in ("authority.pem", "chain.pem", "key.pem")
    }
    machine.run("rm", "-r", "/etc/vestibule")
    left = {path.split(" ")[0] for path in files(machine) ^ before}
    assert left <= USER_FILES | {f"{file}-" for file in USER_FILES}, left
