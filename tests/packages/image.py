"""The image of the Dockerfile, built by buildah as far as it can be without a registry: a folder of Debian's own files
stands in for the base, and the binary that was built already for the stage that builds one."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from machine import REPOSITORY, ROOT
from names import DEADLINE
from process import Server

DOCKERFILE = REPOSITORY / "deploy/docker/Dockerfile"
# What the distroless image for C programs is made of.
PACKAGES = ("libc6", "libgcc-s1")
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


class Images:
    """A store of images of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.command = ["buildah", "--storage-driver", "vfs", "--root", folder / "images", "--runroot", folder / "run"]

    def buildah(self, *arguments):
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def build(self, binary):
        self.base = _base(self.folder / "base")
        container = self.buildah("from", "scratch")
        self.buildah("copy", container, self.base, "/")
        self.buildah("commit", container, "localhost/base")
        built = self.folder / "built"
        built.mkdir()
        subprocess.run(["strip", "--strip-debug", "-o", built / "vestibule", binary], check=True)
        base = DOCKERFILE.read_text().split("\nFROM ")[2].split()[0]
        self.buildah(
            *("build", "--isolation", "chroot", "--format", "docker", "--file", DOCKERFILE, "--tag", "vestibule"),
            *("--ignorefile", f"{DOCKERFILE}.dockerignore"),
            *("--build-context", f"build={built}"),
            *("--build-context", f"{base}=container-image://localhost/base"),
            REPOSITORY,
        )
        self.container = self.buildah("from", "vestibule")

    def settings(self):
        return json.loads(self.buildah("inspect", "--type", "image", "vestibule"))["Docker"]["config"]

    def run(self, folder, *arguments):
        """The arguments of a run in the image's root as its user, with `folder` as /etc/vestibule."""
        return [
            *(*self.command, "run", "--isolation", "chroot", "--volume", f"{folder}:/etc/vestibule:ro"),
            *(self.container, "--", *self.settings()["Entrypoint"], *arguments),
        ]

    def start(self, folder, output, ports):
        return Server(self.run(folder, *self.settings()["Cmd"]), output, ports)

    def stop(self, server):
        """Tells the process in the container to end, as an engine does, and gives its exit code."""
        os.kill(_innermost(server.process.pid), signal.SIGTERM)
        return server.process.wait(timeout=DEADLINE)

    def files(self):
        """All files of the image, by their paths in it."""
        mounted = self.buildah("mount", self.container)
        try:
            done = subprocess.run(["find", mounted, "-type", "f", "-printf", "/%P\n"], capture_output=True, text=True)
            return set(done.stdout.splitlines())
        finally:
            self.buildah("umount", self.container)


def _innermost(process):
    """The process at the end of the chain of those that only start another one."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    return _innermost(int(children[0])) if children else process


def _base(folder):
    """The files of the packages that programs are loaded with, the authorities, and the user; no shell."""
    listed = subprocess.run(["chroot", ROOT, "dpkg", "--listfiles", *PACKAGES], capture_output=True, text=True).stdout
    for file in listed.splitlines():
        if file.startswith(("/lib", "/usr/lib")) and ".so" in file:
            # Debian has /lib as a link to /usr/lib, and /lib64 likewise.
            target = folder / "usr" / file.removeprefix("/usr").lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file.lstrip("/"), target, follow_symlinks=False)
    for link in ("lib", "lib64"):
        (folder / link).symlink_to(f"usr/{link}")
    (folder / CERTIFICATES).parent.mkdir(parents=True)
    shutil.copy2(ROOT / CERTIFICATES, folder / CERTIFICATES)
    (folder / "etc/passwd").write_text("nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
    return folder
