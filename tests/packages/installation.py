"""The package on a machine, configured by changing as little as possible of what it brings."""

from client import Client, Door
from names import GATEKEEPER, INTEROP, PASSWORD
from process import free_port

CONFIGURATION = "/etc/vestibule/config/vestibule.yaml"


class Installation:
    def __init__(self, machine, package, gatekeeper, authority, folder):
        self.machine = machine
        self.package = f"/shared/{package.name}"
        self.gatekeeper = gatekeeper
        self.authority = authority
        self.port = free_port()
        self.admin = free_port()
        authority.cert_pem.write_to_path(folder / "authority.pem")
        self.door = Door(self.port, INTEROP, folder / "authority.pem")
        self.install()
        self._put("authority.pem", authority.cert_pem)
        self.renew_certificate()
        self._configure()

    def install(self):
        return self.machine.run("dpkg", "--install", self.package)

    def renew_certificate(self):
        certificate = self.authority.issue_cert(INTEROP)
        self._put("chain.pem", *certificate.cert_chain_pems)
        self._put("key.pem", certificate.private_key_pem)
        return certificate

    def _put(self, name, *blobs):
        """A file that the service's group may read, as README.Debian says."""
        path = f"/etc/vestibule/tls/{name}"
        self.machine.path(path).write_bytes(b"".join(blob.bytes() for blob in blobs))
        self.machine.run("chown", "root:vestibule", path)
        self.machine.run("chmod", "0640", path)

    def _configure(self):
        self.replace("0.0.0.0:5223", f"127.0.0.1:{self.port}")
        self.replace("[gatekeeper.example:5223]", f'["127.0.0.1:{self.gatekeeper.port}"]')
        self.replace("roots: system", "roots: ../tls/authority.pem")
        self.replace("127.0.0.1:9464", f"127.0.0.1:{self.admin}")
        self.replace("spread: 30s", "spread: 3s")

    def replace(self, written, meant, file=CONFIGURATION):
        path = self.machine.path(file)
        text = path.read_text()
        assert written in text, f"{file} has no {written}"
        path.write_text(text.replace(written, meant))

    def hold_sockets(self):
        """Has systemd listen for the service."""
        self.replace("0.0.0.0:5223", f"127.0.0.1:{self.port}", "/lib/systemd/system/vestibule.socket")
        self.systemctl("daemon-reload")
        self.systemctl("start", "vestibule.socket")

    def drop_in(self, text):
        """What `systemctl edit` would write for the service."""
        folder = self.machine.path("/etc/systemd/system/vestibule.service.d")
        folder.mkdir(parents=True)
        (folder / "override.conf").write_text(text)
        self.systemctl("daemon-reload")

    def prepare_instance(self, name):
        """The configuration of one more process, made as deploy/README.md says; its unit's name."""
        file = f"/etc/vestibule/config/{name}.yaml"
        self.machine.run("cp", CONFIGURATION, file)
        self.replace(f"127.0.0.1:{self.admin}", f"127.0.0.1:{free_port()}", file)
        self.replace("/var/log/vestibule/", f"/var/log/vestibule/{name}/", file)
        return f"vestibule@{name}.service"

    def systemctl(self, *arguments, check=True):
        """A failure is told with what the journal has about it."""
        try:
            return self.machine.run("systemctl", *arguments, check=check)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.journal('vestibule*')}") from None

    def property(self, name, unit="vestibule.service"):
        return self.systemctl("show", f"--property={name}", "--value", unit).strip()

    def journal(self, unit="vestibule.service"):
        return self.machine.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    async def log_in(self, user):
        client = Client(self.door, f"{user}@{GATEKEEPER}", PASSWORD)
        await client.login()
        await client.appear()
        return client
