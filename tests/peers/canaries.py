"""Canaries: a unique marker for everything that a peer controls, and the search for them in what left the process.

A position is `name.place`: the name is the catalogue's (`vestibule policy report --json`), for a field or for something
that no policy can let out; the place says where peers put the marker. Nothing here runs Vestibule.
"""

import base64
import binascii
import random
import re

POSITIONS = """
    account.local account.domain
    body.client body.gatekeeper body.refused body.injected
    capabilities.node capabilities.hash capabilities.feature capabilities.identity
    content.type
    dns-answer.target dns-answer.unknown
    element-name.element element-name.attribute element-name.namespace element-name.prefix
    element-name.in-the-clear element-name.gatekeeper-in-the-clear
    error-text.stanza error-text.client-stream error-text.gatekeeper-stream
    error-text.in-the-clear
    form.type form.field form.value
    from.client from.gatekeeper
    host.configured
    own-signals.element own-signals.attribute
    payload.text payload.attribute payload.language
    presence-status.status
    proxy-header.tlv proxy-header.unix proxy-header.refused proxy-header.line
    requested-host.unknown requested-host.other requested-host.in-the-clear
    requested-resource.iq requested-resource.tag
    resource.bound
    resumption-id.given resumption-id.taken resumption-id.failed
    resumption-id.inline-given resumption-id.inline-taken resumption-id.inline-failed
    sasl-mechanism.chosen sasl-mechanism.offered
    sasl-message.user sasl-message.password sasl-message.bearer sasl-message.challenge sasl-message.response
    sasl-message.additional sasl-message.failure sasl-message.initial sasl-message.token
    sasl-message.hashed-token sasl-message.replaced-token sasl-message.server-proof sasl-message.inline-failure
    sni.configured sni.unknown
    stanza-id.client stanza-id.gatekeeper stanza-id.refused
    stream-header.id stream-header.from stream-header.language stream-header.attribute stream-header.gatekeeper-language
    stream-header.from-in-the-clear stream-header.in-the-clear stream-header.gatekeeper-in-the-clear
    subject.text
    tls-hello.protocol tls-hello.certificate tls-hello.gatekeeper-certificate tls-hello.own-certificate
    tls-hello.garbage tls-hello.gatekeeper-garbage
    tls-secret.log
    to.client to.gatekeeper
    user-agent.id user-agent.software user-agent.device
""".split()

# What is said to the admin server comes from the operator's own network: it is not the catalogue's, and not repeated.
ADMIN = ["admin.path", "admin.query", "admin.header", "admin.method", "admin.garbage"]

# None of them is a hexadecimal digit that is a letter, so that no random id looks like a piece of a marker.
LETTERS = "ghijklmnopqrstuvwxyz"
CHARACTERS = LETTERS + "0123456789"
LENGTH = 24
PIECE = 8

_RUN = {
    "hexadecimal": re.compile(rb"(?:[0-9a-fA-F]{2}[:,_ -]?){%d,}[0-9a-fA-F]?" % PIECE),
    "percent": re.compile(rb"(?:%[0-9a-fA-F]{2}){2,}"),
    "escapes": re.compile(rb"(?:\\(?:x|u00|u\{00|u\{)[0-9a-fA-F]{2}\}?){2,}"),
    "decimal": re.compile(rb"\d{2,3}(?:, ?\d{2,3}){%d,}" % (PIECE - 1)),
    "base64": re.compile(rb"[A-Za-z0-9+/_-]{11,}"),
}
_STANDARD = bytes.maketrans(b"-_", b"+/")


class Canaries:
    """The markers of one run: the same for the same seed. `canaries["body.client"]` is one, as text."""

    def __init__(self, seed):
        source = random.Random(seed)
        # It begins with a letter, as XML's names do.
        self.markers = {
            place: source.choice(LETTERS) + "".join(source.choices(CHARACTERS, k=LENGTH - 1))
            for place in POSITIONS + ADMIN
        }
        self.secrets = set()
        self.used = set()

    def __getitem__(self, place):
        self.used.add(place)
        return self.markers[place]

    def keep_secrets(self, keylog):
        """Takes the secrets of TLS connections, as OpenSSL wrote them down, for markers of `tls-secret`."""
        lines = [line.split() for line in keylog.splitlines() if line and not line.startswith("#")]
        self.secrets.update(bytes.fromhex(line[2]) for line in lines)
        self.used.add("tls-secret.log")

    def pieces(self):
        """Each piece of a marker with the position that it is from."""
        whole = [(place, marker.encode()) for place, marker in self.markers.items()]
        whole += [("tls-secret.log", secret) for secret in self.secrets]
        return {marker[at : at + PIECE]: place for place, marker in whole for at in range(len(marker) - PIECE + 1)}

    def found(self, output, pieces=None):
        """The positions of which a marker, or a piece of one, stands in `output` in some encoding."""
        pieces = pieces or self.pieces()
        return {
            pieces[piece]
            for reading in readings(output)
            for piece in {reading[at : at + PIECE] for at in range(len(reading) - PIECE + 1)} & pieces.keys()
        }


def readings(output):
    """What `output` says: as it is, in small letters, without the zeros of wider encodings, and all that is encoded in
    it."""
    yield from {output, output.lower(), output.replace(b"\0", b"")}
    for run in set(_RUN["hexadecimal"].findall(output)):
        digits = re.sub(rb"[^0-9a-fA-F]", b"", run)
        for start in (0, 1):
            yield binascii.unhexlify(digits[start : len(digits) - (len(digits) - start) % 2])
    for name in ("percent", "escapes"):
        for run in set(_RUN[name].findall(output)):
            yield bytes.fromhex("".join(re.findall(r"[0-9a-fA-F]{2}(?=[%\\}]|$)", run.decode())))
    for run in set(_RUN["decimal"].findall(output)):
        yield bytes(min(int(number), 255) for number in re.findall(rb"\d+", run))
    for run in set(_RUN["base64"].findall(output.translate(_STANDARD))):
        for start in range(4):
            # A single digit that is left over is less than a byte.
            digits = run[start:-1] if (len(run) - start) % 4 == 1 else run[start:]
            yield base64.b64decode(digits + b"=" * (-len(digits) % 4))


def name(place):
    """The catalogue's name of a position."""
    return place.partition(".")[0]
