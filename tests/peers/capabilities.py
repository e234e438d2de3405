"""Entity capabilities (XEP-0115, XEP-0390) by hand: builds of clients that do not exist, with hashes true or forged."""

import base64
import hashlib
import itertools
from dataclasses import dataclass, replace
from typing import NamedTuple

from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from client import Client
from names import DISCO_INFO

NODE = "https://client.example/"
CAPS = "http://jabber.org/protocol/caps"
CAPS_2 = "urn:xmpp:caps"

_serial = itertools.count(1)


class Capabilities(NamedTuple):
    """What a disco#info result says: its features, and the fields of its forms by FORM_TYPE."""

    features: set
    forms: dict


@dataclass(frozen=True)
class Build:
    """What one build of a client says of itself. Without forms: they are what Vestibule adds."""

    # Category, type, language, name. The language is always said: who verifies may otherwise take it from around.
    identity: tuple[str, str, str, str]
    features: tuple[str, ...]

    @classmethod
    def fresh(cls, *features):
        """A build that nobody has seen before."""
        return cls(
            ("client", "pc", "en", f"Build {next(_serial)}"), (CAPS, DISCO_INFO, f"urn:x:{next(_serial)}", *features)
        )

    def with_features(self, *features):
        return replace(self, features=self.features + features)

    def information(self, node):
        """The disco#info result for `node`."""
        category, kind, language, name = self.identity
        named = f" node='{node}'" if node else ""
        features = "".join(f"<feature var='{feature}'/>" for feature in self.features)
        return (
            f"<query xmlns='{DISCO_INFO}'{named}>"
            f"<identity category='{category}' type='{kind}' xml:lang='{language}' name='{name}'/>{features}</query>"
        )

    def version(self):
        """XEP-0115, 5.1, with SHA-1."""
        category, kind, language, name = self.identity
        said = [f"{category}/{kind}/{language}/{name}", *sorted(self.features)]
        return _base64(hashlib.sha1("".join(f"{text}<" for text in said).encode()))

    def hash(self, algorithm="sha-256"):
        """XEP-0390, 4.1."""
        category, kind, language, name = self.identity
        features = "".join(sorted(f"{feature}\x1f" for feature in self.features))
        said = f"{features}\x1c{category}\x1f{kind}\x1f{language}\x1f{name}\x1f\x1e\x1c\x1c"
        return _base64(hashlib.new(algorithm.replace("sha-", "sha").replace("-", "_"), said.encode()))


def caps(version):
    """The element of XEP-0115 that presence carries."""
    return f"<c xmlns='{CAPS}' hash='sha-1' node='{NODE}' ver='{version}'/>"


def caps_2(**hashes):
    """The element of XEP-0390 that presence carries: `caps_2(sha_256=...)`."""
    elements = [
        f"<hash xmlns='urn:xmpp:hashes:2' algo='{algorithm.replace('_', '-')}'>{value}</hash>"
        for algorithm, value in hashes.items()
    ]
    return f"<c xmlns='{CAPS_2}'>{''.join(elements)}</c>"


class Announcer(Client):
    """A client that says what a test tells it to: capabilities in presence, and a build to whoever asks for a node."""

    def __init__(self, *arguments, build, **options):
        super().__init__(*arguments, **options)
        self.build = build
        # What is asked for in these words is answered by a build of the past.
        self.past = {}
        # The nodes asked for so far.
        self.asked = []
        matcher = MatchXPath(f"{{jabber:client}}iq/{{{DISCO_INFO}}}query")
        self.register_handler(Callback("Answer disco#info", matcher, self._answer))

    def _answer(self, request):
        if request["type"] != "get":
            return
        node = request.xml.find(f"{{{DISCO_INFO}}}query").get("node")
        self.asked.append(node)
        information = self.past.get(node, self.build).information(node)
        self.send_raw(f"<iq type='result' id='{request['id']}' to='{request['from']}'>{information}</iq>")

    def node(self):
        """The node that its build is asked for by."""
        return f"{NODE}#{self.build.version()}"

    def become(self, build):
        """Gets another build in the middle of a session, and still knows the one before."""
        self.past[self.node()] = self.build
        self.build = build

    def announce(self, show, *elements):
        """Sends available presence with these elements, or with the build's own `<c/>`."""
        said = "".join(elements) or caps(self.build.version())
        self.send_raw(f"<presence><show>{show}</show>{said}</presence>")


def _base64(hashed):
    return base64.b64encode(hashed.digest()).decode()
