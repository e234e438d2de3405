"""Messages of all kinds, and what becomes of them on the way to a client that can receive text and nothing else: see
`ENFORCEMENT_POLICY`, by which images and videos are taken out and a text takes the place of everything else.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import canonicalize, fromstring, tostring

CLIENT = "jabber:client"
SHARING = "urn:xmpp:sfs:0"
METADATA = "urn:xmpp:file:metadata:0"
LINK = "jabber:x:oob"
REACTIONS = "urn:xmpp:reactions:0"
FALLBACK = "urn:xmpp:fallback:0"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

# What a text says, by language. The first stands without one.
TEXTS = {None: "This cannot be shown here.", "de": "Das kann hier nicht gezeigt werden."}

# What asks the receiver for an answer.
REQUESTS = "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>"


@dataclass(frozen=True)
class Kind:
    """A payload, the namespace of what is not text in it, and the bodies that the client gets in its place."""

    payload: str
    namespace: str | None = None
    # None: it gets all as it was sent.
    bodies: dict | None = None

    def message(self, identifier, to):
        """A whole stanza."""
        return (
            f"<message type='chat' to='{to}' id='{identifier}'>{self.payload}{REQUESTS}"
            f"<origin-id xmlns='urn:xmpp:sid:0' id='{identifier}'/><store xmlns='urn:xmpp:hints'/></message>"
        )

    def check(self, message):
        """That a message which arrived holds what it should and nothing else of the payload."""
        children = _children(message)
        if self.bodies is None:
            sent = _children(fromstring(f"<message xmlns='{CLIENT}'>{self.payload}{REQUESTS}</message>"))
            tags = [tag for tag, _ in sent]
            assert [child for child in children if child[0] in tags] == sent
            return
        bodies = message.findall(f"{{{CLIENT}}}body")
        assert {body.get(LANGUAGE): body.text for body in bodies} == self.bodies
        assert len(bodies) == len(self.bodies)
        marks = [mark.get("for") for mark in message.findall(f"{{{FALLBACK}}}fallback")]
        assert marks == ([self.namespace] if self.bodies == TEXTS else [])
        unwanted = self.namespace, "urn:xmpp:receipts", "urn:xmpp:chat-markers:0"
        assert not [tag for tag, _ in children if tag.startswith(tuple(f"{{{name}}}" for name in unwanted))]


def _children(message):
    return [(child.tag, canonicalize(tostring(child, encoding="unicode"))) for child in message]


def shared(media_type, sources=""):
    """A shared file (XEP-0447), with a body for clients that do not know it."""
    return (
        f"<file-sharing xmlns='{SHARING}' disposition='inline'><file xmlns='{METADATA}'>"
        f"<media-type>{media_type}</media-type><name>holiday &amp; more</name><size>6144</size></file>"
        f"<sources>{sources or SOURCE}</sources></file-sharing>"
        "<body>https://files.example/holiday</body>"
        f"<fallback xmlns='{FALLBACK}' for='{SHARING}'><body/></fallback>"
    )


SOURCE = "<url-data xmlns='http://jabber.org/protocol/url-data' target='https://files.example/holiday'/>"
ENCRYPTED_SOURCE = (
    "<encrypted xmlns='urn:xmpp:esfs:0' cipher='urn:xmpp:ciphers:aes-256-gcm-nopadding:0'><key>AAEC</key><iv>AwQF</iv>"
    f"<sources xmlns='{SHARING}'>{SOURCE}</sources></encrypted>"
)

KINDS = {
    "text": Kind("<body>Hello \u2603 &lt;world&gt;</body>"),
    "text in two languages": Kind("<body>Hello</body><body xml:lang='de'>Hallo</body>"),
    "OMEMO": Kind(
        "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='27183'><keys jid='bob@example.org'><key rid='31'>AAEC</key>"
        "</keys></header><payload>AwQFBgc=</payload></encrypted><body>I sent you an OMEMO message.</body>"
    ),
    "OMEMO of old": Kind(
        "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='27183'><key rid='31415'>AAEC</key><iv>Aw==</iv>"
        "</header><payload>BAUGBw==</payload></encrypted><body>I sent you an OMEMO message.</body>"
    ),
    "document": Kind(shared("application/pdf"), SHARING, TEXTS),
    "voice": Kind(shared("audio/ogg;codecs=opus"), SHARING, TEXTS),
    "image": Kind(shared("image/jpeg"), SHARING, {}),
    "encrypted video": Kind(shared("video/mp4", ENCRYPTED_SOURCE), SHARING, {}),
    "metadata": Kind(
        f"<file xmlns='{METADATA}'><media-type>application/zip</media-type><size>7</size></file>", METADATA, TEXTS
    ),
    "link": Kind(
        f"<body>https://files.example/holiday</body><x xmlns='{LINK}'><url>https://files.example/holiday</url></x>",
        LINK,
        TEXTS,
    ),
    "reaction": Kind(
        f"<reactions xmlns='{REACTIONS}' id='earlier'><reaction>\U0001f44b</reaction></reactions>", REACTIONS, TEXTS
    ),
    "words beside an image": Kind(
        f"<body>Look at this!</body><file xmlns='{METADATA}'><media-type>image/png</media-type></file>",
        METADATA,
        {None: "Look at this!"},
    ),
}
