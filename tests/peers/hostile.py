"""What the gate must refuse: bytes, with the kind of refusal that `vestibule inspect` names. Nothing here runs.

Most are sent after a good stanza (`IN_STREAM`), some in place of a stream header (`AT_START`). Each breaks one rule,
and each was chosen because parsers are known to differ there: some would take it, and see something else than the
others. `NEARLY` holds what comes close and is right.
"""

from typing import NamedTuple

from names import SCRIPTED, STREAMS
from raw import stream_header

HEADER = stream_header(SCRIPTED)
_UNDECLARED_HEADER = HEADER.removeprefix(b"<?xml version='1.0'?>")


class Hostile(NamedTuple):
    name: str
    sent: bytes
    kind: str


# The condition of the stream error for each kind (RFC 6120, 4.9.3); for all others it is `not-well-formed`.
CONDITIONS = {
    "byte-order-mark": "unsupported-encoding",
    "wide-encoding": "unsupported-encoding",
    "declared-encoding": "unsupported-encoding",
    "bad-utf8": "unsupported-encoding",
    "comment": "restricted-xml",
    "processing-instruction": "restricted-xml",
    "doctype": "restricted-xml",
    "entity-reference": "restricted-xml",
    "ambiguous-namespace": "restricted-xml",
    "wrong-namespace": "invalid-namespace",
    "wrong-root": "bad-format",
    "empty-root": "bad-format",
    "text-between-stanzas": "bad-format",
    "nested-stream": "bad-format",
    "restart-inside-frame": "bad-format",
    "header-too-big": "policy-violation",
    "stanza-too-big": "policy-violation",
    "too-deep": "policy-violation",
    "too-many-attributes": "policy-violation",
    "too-many-namespaces": "policy-violation",
    "namespace-too-long": "policy-violation",
    "too-many-elements": "policy-violation",
}


def _body(content):
    return b"<message><body>" + content + b"</body></message>"


def _declaring(value):
    return b"<message><x xmlns='" + value + b"'/></message>"


# Strict UTF-8 (RFC 3629, 4). The first is the attack on Zoom: one parser takes a lead byte and the two behind it for
# one character, the other one sees a tag.
_UTF8 = [
    Hostile("lead byte that swallows a tag", _body(b"\xeb<>"), "bad-utf8"),
    Hostile("lead byte that swallows an end tag", _body(b"\xeb"), "bad-utf8"),
    Hostile("lead byte that swallows a forged stanza", _body(b"\xf0</body></message><message from='b'>"), "bad-utf8"),
    Hostile("lead byte in a tag's name", b"<aaa\xeb/>", "bad-utf8"),
    Hostile("lead byte in a prefix", b"<a\xeb:b/>", "bad-utf8"),
    Hostile("lead byte in an attribute's name", b"<message i\xeb='1'/>", "bad-utf8"),
    Hostile("lead byte that swallows a quote", b"<message id='\xeb'/>", "bad-utf8"),
    Hostile("lead byte in a namespace", _declaring(b"urn:x\xeb"), "bad-utf8"),
    Hostile("lead byte that swallows the end of CDATA", _body(b"<![CDATA[\xeb]]>"), "bad-utf8"),
    Hostile("lead byte that swallows a reference", _body(b"\xeb&lt;"), "bad-utf8"),
    Hostile("overlong <, two bytes", _body(b"\xc0\xbc"), "bad-utf8"),
    Hostile("overlong <, three bytes", _body(b"\xe0\x80\xbc"), "bad-utf8"),
    Hostile("overlong <, four bytes", _body(b"\xf0\x80\x80\xbc"), "bad-utf8"),
    Hostile("overlong NUL", _body(b"\xc0\x80"), "bad-utf8"),
    Hostile("overlong quote in an attribute", b"<message id='\xc0\xa7'/>", "bad-utf8"),
    Hostile("surrogate", _body(b"\xed\xa0\x80"), "bad-utf8"),
    Hostile("surrogates in pairs, CESU-8", _body(b"\xed\xa0\xbd\xed\xb8\x80"), "bad-utf8"),
    Hostile("above U+10FFFF", _body(b"\xf4\x90\x80\x80"), "bad-utf8"),
    Hostile("five bytes", _body(b"\xf8\x88\x80\x80\x80"), "bad-utf8"),
    Hostile("stray continuation byte", _body(b"\x80"), "bad-utf8"),
    Hostile("character that is cut off", _body(b"\xe2\x82"), "bad-utf8"),
    Hostile("0xFF", _body(b"\xff"), "bad-utf8"),
]

# Characters (XML 1.0, production 2), as themselves and by reference (productions 66 to 68).
_CHARACTERS = [
    Hostile("NUL", _body(b"\0"), "bad-character"),
    Hostile("control character", _body(b"\x01"), "bad-character"),
    Hostile("form feed in CDATA", _body(b"<![CDATA[\x0c]]>"), "bad-character"),
    Hostile("escape in an attribute", b"<message id='\x1b[2J'/>", "bad-character"),
    Hostile("U+FFFE", _body(b"\xef\xbf\xbe"), "bad-character"),
    Hostile("U+FFFF in an attribute", b"<message id='\xef\xbf\xbf'/>", "bad-character"),
    Hostile("reference to NUL", _body(b"&#0;"), "reference-to-bad-character"),
    Hostile("reference to a control character", _body(b"&#x1F;"), "reference-to-bad-character"),
    Hostile("reference to a surrogate", _body(b"&#xD800;"), "reference-to-bad-character"),
    Hostile("reference to U+FFFE", _body(b"&#xFFFE;"), "reference-to-bad-character"),
    Hostile("reference beyond Unicode", _body(b"&#x110000;"), "reference-to-bad-character"),
    # 2^32 and the code of `<`: with fewer bits, it is that.
    Hostile("reference that wraps", _body(b"&#4294967356;"), "bad-reference"),
    Hostile("reference that wraps in 24 bits", _body(b"&#x100003C;"), "reference-to-bad-character"),
    Hostile("reference of nine digits", _body(b"&#000000060;"), "bad-reference"),
    Hostile("reference without digits", _body(b"&#x;"), "bad-reference"),
    Hostile("reference with a capital X", _body(b"&#X3C;"), "bad-reference"),
    Hostile("reference without its end", _body(b"&lt"), "bad-reference"),
    Hostile("lone ampersand", b"<message id='a & b'/>", "bad-reference"),
]

# Names that both the fourth and the fifth edition of XML 1.0 allow, and tags (productions 39 to 44).
_TAGS = [
    Hostile("tag without a name", b"<message><></message>", "bad-name"),
    Hostile("space before the name", b"<message>< a/></message>", "bad-name"),
    Hostile("name that starts with a digit", b"<message><1a/></message>", "bad-name"),
    Hostile("name that starts with a combining mark", "<message><\u0301a/></message>".encode(), "bad-name"),
    Hostile("name of neither edition", "<message><a\u00d7/></message>".encode(), "bad-name"),
    Hostile("name of the fifth edition only", "<message><a\u203f/></message>".encode(), "bad-name"),
    Hostile("name beyond the first plane", "<message><\U00010000/></message>".encode(), "bad-name"),
    Hostile("tag in a tag", b"<message<body/>", "bad-name"),
    Hostile("NUL in a name", b"<message\0/>", "bad-name"),
    Hostile("UTF-16 in the stream", "<message/>".encode("utf-16-le"), "bad-name"),
    Hostile("attribute that starts with a digit", b"<message 1='a'/>", "bad-name"),
    Hostile("two slashes", b"<message//>", "bad-tag"),
    Hostile("end tag with an attribute", b"<message></message id='a'>", "bad-tag"),
    Hostile("end tag of another element", b"<message><body></message></body>", "mismatched-tag"),
    Hostile("end tag in other letters", b"<message></Message>", "mismatched-tag"),
    Hostile("end tag by another prefix", b"<a:m xmlns:a='u' xmlns:b='u'></b:m>", "mismatched-tag"),
    Hostile("end tag that closes the stream too early", b"<message></stream:stream>", "mismatched-tag"),
]

# Attributes (XML 1.0, productions 10, 40, 41; Namespaces in XML, 6.3).
_ATTRIBUTES = [
    Hostile("no white space between attributes", b"<message id='a'to='b'/>", "missing-white-space"),
    Hostile("no quotes", b"<message id=a/>", "bad-attribute"),
    Hostile("no value", b"<message id/>", "bad-attribute"),
    Hostile("< in an attribute", b"<message id='<body>'/>", "less-than-in-attribute"),
    Hostile("quote that is not closed", b"<message id='a/><message id='b'/>", "less-than-in-attribute"),
    Hostile("same attribute twice", b"<message id='a' to='b' id='c'/>", "duplicate-attribute"),
    Hostile("same declaration twice", b"<message xmlns:p='u' xmlns:p='v'/>", "duplicate-attribute"),
    Hostile("same expanded name twice", b"<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", "duplicate-attribute"),
    Hostile(
        "same expanded name twice, declared around",
        b"<a xmlns:p='u'><b xmlns:q='u' q:x='1' p:x='2'/></a>",
        "duplicate-attribute",
    ),
]

# Qualified names and namespaces (Namespaces in XML, 3 to 5), and our restriction of a namespace's value.
_NAMESPACES = [
    Hostile("two colons", b"<message><stream:a:b/></message>", "bad-qualified-name"),
    Hostile("colon at the start", b"<:message/>", "bad-qualified-name"),
    Hostile("colon at the end", b"<message:/>", "bad-qualified-name"),
    Hostile("two colons in an attribute", b"<message xml:lang:x='a'/>", "bad-qualified-name"),
    Hostile("declaration without a prefix", b"<message xmlns:='u'/>", "bad-qualified-name"),
    Hostile("undeclared prefix", b"<message><x:a/></message>", "undeclared-prefix"),
    Hostile("undeclared prefix of an attribute", b"<message x:a='1'/>", "undeclared-prefix"),
    Hostile("prefix out of scope", b"<message><b xmlns:x='u'/><x:c/></message>", "undeclared-prefix"),
    Hostile("prefix declared as nothing", b"<message xmlns:x=''/>", "empty-namespace"),
    Hostile("streams' prefix taken back", b"<message xmlns:stream=''/>", "empty-namespace"),
    Hostile("xmlns as an element's prefix", b"<xmlns:message/>", "reserved-namespace"),
    Hostile("xmlns declared", b"<message xmlns:xmlns='u'/>", "reserved-namespace"),
    Hostile("xml declared otherwise", b"<message xmlns:xml='u'/>", "reserved-namespace"),
    Hostile(
        "another prefix for xml",
        b"<message xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        "reserved-namespace",
    ),
    Hostile(
        "xml as the default namespace",
        _declaring(b"http://www.w3.org/XML/1998/namespace"),
        "reserved-namespace",
    ),
    Hostile(
        "another prefix for xmlns",
        b"<message xmlns:x='http://www.w3.org/2000/xmlns/'/>",
        "reserved-namespace",
    ),
    Hostile("xmlns as the default namespace", _declaring(b"http://www.w3.org/2000/xmlns/"), "reserved-namespace"),
    Hostile("namespace with a reference", b"<message xmlns='jabber&#58;client'/>", "ambiguous-namespace"),
    Hostile("namespace with an entity", _declaring(b"a&amp;b"), "ambiguous-namespace"),
    Hostile("namespace with a line feed by reference", b"<a><d xmlns='b&#xA;c'/></a>", "ambiguous-namespace"),
    Hostile("namespace with TAB", _declaring(b"a\tb"), "ambiguous-namespace"),
    Hostile("namespace with a line feed", _declaring(b"a\nb"), "ambiguous-namespace"),
    Hostile("namespace with a carriage return", _declaring(b"a\rb"), "ambiguous-namespace"),
    Hostile("namespace with a space, a parser's separator", _declaring(b"jabber:client body"), "ambiguous-namespace"),
    Hostile("namespace with }, a parser's separator", _declaring(b"jabber:client}body"), "ambiguous-namespace"),
    Hostile("namespace with |, a parser's separator", _declaring(b"jabber:client|body"), "ambiguous-namespace"),
    Hostile("namespace beyond ASCII", _declaring("urn:\u00e9".encode()), "ambiguous-namespace"),
    Hostile("namespace that is too long", _declaring(b"u" * 1025), "namespace-too-long"),
]

# What RFC 6120, 11.1 takes out, and what looks like it.
_RESTRICTED = [
    Hostile("comment", b"<message><!-- --></message>", "comment"),
    Hostile("comment between stanzas", b"<!-- -->", "comment"),
    Hostile("comment that hides a stanza", b"<message><!-- --><body/><!-- --></message>", "comment"),
    Hostile("processing instruction", b"<message><?php ?></message>", "processing-instruction"),
    Hostile("processing instruction between stanzas", b"<?php ?>", "processing-instruction"),
    Hostile("XML declaration in mid-stream", b"<?xml version='1.0'?>", "processing-instruction"),
    Hostile("XML declaration in a stanza", _body(b"<?xml version='1.0'?>"), "processing-instruction"),
    Hostile("document type", b"<!DOCTYPE message SYSTEM 'http://x.example/'>", "doctype"),
    Hostile("document type in a stanza", b"<message><!DOCTYPE a [<!ENTITY a 'a'>]></message>", "doctype"),
    Hostile("entity that would be declared", _body(b"&entity;"), "entity-reference"),
    Hostile("entity in an attribute", b"<message id='&nbsp;'/>", "entity-reference"),
    Hostile("entity in other letters", _body(b"&LT;"), "entity-reference"),
    Hostile("entity declaration", b"<!ENTITY a 'a'>", "bad-markup"),
    Hostile("conditional section", b"<message><![INCLUDE[<body/>]]></message>", "bad-markup"),
    Hostile("CDATA in small letters", _body(b"<![cdata[a]]>"), "bad-markup"),
    Hostile("end of CDATA in text", _body(b"]]>"), "section-end-in-text"),
    Hostile("end of CDATA twice", _body(b"<![CDATA[a]]>]]>"), "section-end-in-text"),
]

# The stream: one header, matched by namespace and never by prefix; white space only between stanzas; nothing behind
# the closing tag (RFC 6120, 4).
_STREAM = [
    Hostile("text between stanzas", b"text", "text-between-stanzas"),
    Hostile("NUL between stanzas", b"\0", "text-between-stanzas"),
    Hostile("reference between stanzas", b"&#32;", "text-between-stanzas"),
    Hostile("CDATA between stanzas", b"<![CDATA[ ]]>", "text-between-stanzas"),
    Hostile("byte order mark between stanzas", b"\xef\xbb\xbf", "text-between-stanzas"),
    Hostile("second stream header", _UNDECLARED_HEADER, "nested-stream"),
    Hostile("header by another prefix", f"<s:stream xmlns:s='{STREAMS}'>".encode(), "nested-stream"),
    Hostile("header without a prefix", f"<stream xmlns='{STREAMS}'>".encode(), "nested-stream"),
    Hostile("stream as a child", b"<message><stream:stream/></message>", "nested-stream"),
    Hostile("stream in depth", _body(b"<a><stream:stream></stream:stream></a>"), "nested-stream"),
    Hostile("empty stream", b"<stream:stream/>", "nested-stream"),
    Hostile("closing tag without its prefix", b"</stream>", "mismatched-tag"),
    Hostile("closing tag by another prefix", b"</s:stream>", "mismatched-tag"),
    Hostile("closing tag with a tail", b"</stream:streams>", "mismatched-tag"),
    Hostile("closing tag with an attribute", b"</stream:stream to='a'>", "bad-tag"),
    Hostile("stanza behind the closing tag", b"</stream:stream><message/>", "second-root"),
    Hostile("stream behind the closing tag", b"</stream:stream>" + _UNDECLARED_HEADER, "second-root"),
    Hostile("text behind the closing tag", b"</stream:stream>text", "text-outside-root"),
    Hostile("closing tag twice", b"</stream:stream></stream:stream>", "mismatched-tag"),
    Hostile("comment behind the closing tag", b"</stream:stream><!-- -->", "comment"),
]

# The limits (policies/limits/default.yaml). Each is over the client's and the gatekeeper's.
_MANY = 2 * 1024 * 1024
_LIMITS = [
    Hostile("text that is too long", _body(b"a" * _MANY), "stanza-too-big"),
    Hostile("attribute that is too long", b"<message id='" + b"a" * _MANY + b"'/>", "stanza-too-big"),
    Hostile("name that is too long", b"<" + b"a" * _MANY + b"/>", "stanza-too-big"),
    Hostile("CDATA that is too long", _body(b"<![CDATA[" + b"]" * _MANY + b"]]>"), "stanza-too-big"),
    # The stanza itself is the first level; the header declares two namespaces.
    Hostile("too deep", b"<message>" + b"<a>" * 64 + b"</a>" * 64 + b"</message>", "too-deep"),
    Hostile("too deep, and never closed", b"<a>" * 10_000, "too-deep"),
    Hostile(
        "too many attributes",
        b"<message" + b"".join(b" a%d=''" % number for number in range(65)) + b"/>",
        "too-many-attributes",
    ),
    Hostile(
        "too many namespaces",
        b"<message" + b"".join(b" xmlns:p%d='u'" % number for number in range(31)) + b"/>",
        "too-many-namespaces",
    ),
    Hostile("too many namespaces in depth", b"<a xmlns='u'>" * 31 + b"</a>" * 31, "too-many-namespaces"),
    Hostile("too many elements", b"<message>" + b"<b/>" * 65_536 + b"</message>", "too-many-elements"),
]

IN_STREAM = _UTF8 + _CHARACTERS + _TAGS + _ATTRIBUTES + _NAMESPACES + _RESTRICTED + _STREAM + _LIMITS
# For what takes several sessions, or waits.
ONE_OF_EACH_KIND = list({row.kind: row for row in reversed(IN_STREAM)}.values())

# Where the client's limit is lower than that of `inspect`, which has the gatekeeper's: how far from the start of what
# is sent the client is refused.
CLIENTS_OWN_PLACE = {
    "stanza-too-big": 256 * 1024,
    "too-many-elements": len(b"<message>") + 4095 * len(b"<b/>") + 1,
}


def _with(attribute):
    return HEADER.replace(b" to=", b" " + attribute + b" to=")


AT_START = [
    # Encodings (RFC 6120, 11.6; XML 1.0, appendix F).
    Hostile("byte order mark", b"\xef\xbb\xbf" + HEADER, "byte-order-mark"),
    Hostile("UTF-16", HEADER.decode().encode("utf-16"), "wide-encoding"),
    Hostile("UTF-16, the other way round", b"\xfe\xff" + HEADER.decode().encode("utf-16-be"), "wide-encoding"),
    Hostile("UTF-16 without a mark", HEADER.decode().encode("utf-16-le"), "wide-encoding"),
    Hostile("UTF-16 without a mark, the other way round", HEADER.decode().encode("utf-16-be"), "wide-encoding"),
    Hostile("UTF-16 with a lone surrogate", b"\xff\xfe\x00\xd8" + HEADER.decode().encode("utf-16-le"), "wide-encoding"),
    Hostile("UTF-32", HEADER.decode().encode("utf-32"), "wide-encoding"),
    Hostile("byte order mark that is cut off", b"\xef\xbb" + HEADER, "text-outside-root"),
    Hostile("declared UTF-16", HEADER.replace(b"?>", b" encoding='UTF-16'?>"), "declared-encoding"),
    Hostile("declared Latin-1", HEADER.replace(b"?>", b" encoding='ISO-8859-1'?>"), "declared-encoding"),
    # The XML declaration (XML 1.0, productions 23 to 32).
    Hostile("XML 1.1", HEADER.replace(b"1.0'?>", b"1.1'?>"), "declared-version"),
    Hostile("XML 2.0", HEADER.replace(b"1.0'?>", b"2.0'?>"), "bad-declaration"),
    Hostile("declaration without a version", b"<?xml encoding='UTF-8'?>" + _UNDECLARED_HEADER, "bad-declaration"),
    Hostile("declaration that is not closed", HEADER.replace(b"?>", b">"), "bad-declaration"),
    Hostile("declaration twice", b"<?xml version='1.0'?>" + HEADER, "processing-instruction"),
    Hostile("declaration behind a space", b" " + HEADER, "processing-instruction"),
    # What precedes the header.
    Hostile("style sheet", b"<?xml-stylesheet href='a'?>" + _UNDECLARED_HEADER, "processing-instruction"),
    Hostile("comment", b"<!-- -->" + _UNDECLARED_HEADER, "comment"),
    Hostile("document type", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + _UNDECLARED_HEADER, "doctype"),
    Hostile("text", b"text" + _UNDECLARED_HEADER, "text-outside-root"),
    Hostile("another protocol", b"GET / HTTP/1.1\r\nHost: scripted.example\r\n\r\n", "text-outside-root"),
    Hostile("CDATA", b"<![CDATA[ ]]>" + _UNDECLARED_HEADER, "text-outside-root"),
    Hostile("closing tag", b"</stream:stream>", "mismatched-tag"),
    # Roots that are no stream header (RFC 6120, 4.7, 4.8.1).
    Hostile("stanza", b"<message/>", "wrong-namespace"),
    Hostile("header of another namespace", HEADER.replace(b"/streams", b"/stream"), "wrong-namespace"),
    Hostile("header by a prefix of another namespace", HEADER.replace(STREAMS.encode(), b"u"), "wrong-namespace"),
    Hostile("header of another name", HEADER.replace(b"<stream:stream", b"<stream:features"), "wrong-root"),
    Hostile("header that is empty", HEADER.replace(b"streams'>", b"streams'/>"), "empty-root"),
    Hostile("header by an undeclared prefix", HEADER.replace(b"<stream:", b"<s:"), "undeclared-prefix"),
    Hostile("namespace by reference", HEADER.replace(b"jabber:", b"jabber&#58;"), "ambiguous-namespace"),
    # A header is held to the grammar like everything else.
    Hostile("two to", _with(b"to='another.example'"), "duplicate-attribute"),
    Hostile("entity in the header", _with(b"id='&a;'"), "entity-reference"),
    Hostile("lead byte in the header", _with(b"id='\xeb'"), "bad-utf8"),
    Hostile("control character in the header", _with(b"id='\x01'"), "bad-character"),
    Hostile("header that is too long", _with(b"id='" + b"a" * 8192 + b"'"), "header-too-big"),
    Hostile("too much white space", b"\n" * 8192 + _UNDECLARED_HEADER, "header-too-big"),
    Hostile("too many attributes", _with(b" ".join(b"a%d=''" % n for n in range(64))), "too-many-attributes"),
    Hostile("too many namespaces", _with(b" ".join(b"xmlns:p%d='u'" % n for n in range(32))), "too-many-namespaces"),
    Hostile("namespace that is too long", _with(b"xmlns:p='" + b"u" * 1025 + b"'"), "namespace-too-long"),
]

# What comes close to a line above and is right: it passes unchanged, both ways.
NEARLY = {
    "the first and last characters of each length": _body(
        "\t\n\r \x7f\x80\u07ff\u0800\ud7ff\ue000\ufffd\U00010000\U0010ffff".encode()
    ),
    "references to the first and last characters": _body(b"&#9;&#xD7FF;&#xE000;&#xFFFD;&#x10FFFF;&#00000060;"),
    "markup in CDATA": _body(b"<![CDATA[]]<!-- --><?php ?>&entity;</body>]] >]]>"),
    "end of CDATA by reference": _body(b"]]&gt;"),
    "markup in attributes": b"<message a='/>' b=\"'>]]>\" c='&lt;body>'/>",
    "names of both editions": "<message \u00e9\u0301='1'><_a.b-c/><\u6f22\u5b57/></message>".encode(),
    "same local name, other expanded name": b"<message xmlns:p='u' xmlns:q='v' id='1' p:id='2' q:id='3'/>",
    "prefix declared anew": b"<message xmlns:x='u'><x:a xmlns:x='v'/><x:b/></message>",
    "xml declared as itself": b"<message xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    "no default namespace": b"<message><x xmlns=''/></message>",
    "streams' prefix for another namespace": b"<message xmlns:stream='u'><stream:stream/></message>",
    "streams' name in another namespace": b"<message><stream></stream></message>",
    "as long as may be": _body(b"a" * (256 * 1024 - len(_body(b"")))),
    "as deep as may be": b"<message>" + b"<a>" * 63 + b"</a>" * 63 + b"</message>",
    "as many attributes as may be": b"<message" + b"".join(b" a%d=''" % number for number in range(64)) + b"/>",
    # The header declares two.
    "as many namespaces as may be": b"<message"
    + b"".join(b" xmlns:p%d='u'" % number for number in range(30))
    + b"/>",
    "as many elements as may be": b"<message>" + b"<b/>" * 4095 + b"</message>",
    "namespace as long as may be": _declaring(b"u" * 1024),
}
