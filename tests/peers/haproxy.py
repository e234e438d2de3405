"""A real HAProxy before a server: it passes bytes on and tells who they are from."""

from process import Server, free_port

CONFIGURATION = """\
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen streams
    bind 127.0.0.1:{port}
    bind [::1]:{port}
    server gatekeeper 127.0.0.1:{server} {header}
"""


class HAProxy:
    """`header` is `send-proxy` (version 1 of the PROXY protocol) or `send-proxy-v2`, with options behind it."""

    def __init__(self, folder, server, header):
        self.port = free_port()
        configuration = folder / "haproxy.cfg"
        configuration.write_text(CONFIGURATION.format(port=self.port, server=server, header=header))
        command = ["/usr/sbin/haproxy", "-db", "-f", configuration]
        self.server = Server(command, folder / "haproxy.txt", [self.port])

    def stop(self):
        self.server.kill()
