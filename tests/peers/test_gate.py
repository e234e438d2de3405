"""What the gate refuses, in the live proxy: the test plays both ends, over TLS, and compares all that either receives.

Every row of `hostile.py` goes both ways, at once and in pieces. The side that sent it gets its stream error; the other
side gets what was good before, the end of its stream, and not a byte more.
"""

import functools
import re
from collections import Counter

import pytest

from hostile import AT_START, CLIENTS_OWN_PLACE, HEADER, IN_STREAM, NEARLY, ONE_OF_EACH_KIND
from process import eventually
from raw import plain
from scripted import CLOSING, MECHANISMS, SERVER_HEADER, SUCCESS, authenticate, exchange, greet, stream_error
from vestibule import REPOSITORY, inspect

BEFORE = b"<message id='before'><body>good</body></message>"
AFTER = b"<message id='after'><body>good</body></message>"

SIDES = pytest.mark.parametrize("side", ["downstream", "upstream"])
MANNERS = pytest.mark.parametrize("manner", ["send", "send_in_pieces"])

# With what Vestibule opens a stream itself, where an error needs one: in the client's place, in the gatekeeper's.
OWN_HEADER_TO_GATEKEEPER = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    b" to='scripted.example' version='1.0'>"
)
OWN_HEADER = re.compile(
    rb"<\?xml version='1.0'\?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    rb" id='[0-9a-f]{32}'( from='scripted.example')? version='1.0'>"
)


@pytest.fixture(scope="module")
def vestibule(start_vestibule):
    """A process of its own: what it counts is the battery's alone, and it must outlive all of it."""
    proxy = start_vestibule()
    yield proxy
    assert proxy.stop() == 0
    assert "panicked" not in proxy.said()


@pytest.fixture(scope="module")
def door(vestibule):
    return vestibule.door


@pytest.fixture
def refused(vestibule):
    """Waits until all connections are gone; exactly one refusal was counted and written down meanwhile."""
    counted, said = vestibule.refusals(), len(vestibule.said())

    async def refused(kind, side):
        await eventually(lambda: vestibule.metric("vestibule_connections_open") == 0)
        assert vestibule.refusals() - counted == Counter({(kind, side): 1})
        (line,) = await eventually(lambda: vestibule.written("refusal", since=said))
        assert (line["refusal-kind"], line["side"]) == (kind, side)
        return line["refusal-offset"]

    return refused


@functools.cache
def place(before, hostile):
    """Where in what is sent `vestibule inspect` sees the fault; its kind must be the one that is listed."""
    verdict = re.fullmatch(r"refused ([a-z0-9-]+) at ([0-9]+)", inspect(before + hostile.sent))
    assert verdict and verdict[1] == hostile.kind
    return int(verdict[2]) - len(before)


def named(rows):
    return pytest.mark.parametrize("hostile", rows, ids=[row.name for row in rows])


@named(IN_STREAM)
@SIDES
@MANNERS
async def test_a_refused_element_ends_the_session_and_no_byte_of_it_passes(bound, refused, hostile, side, manner):
    client, gatekeeper = await bound()
    sender, receiver = (client, gatekeeper) if side == "downstream" else (gatekeeper, client)
    before = sender.sent + len(BEFORE)
    await sender.send(BEFORE)
    await getattr(sender, manner)(hostile.sent + AFTER)
    assert await receiver.read_all() == BEFORE + CLOSING
    assert await sender.read_all() == stream_error(hostile.kind)
    seen = place(HEADER + BEFORE, hostile)
    if side == "downstream":
        seen = CLIENTS_OWN_PLACE.get(hostile.kind, seen)
    assert await refused(hostile.kind, side) == before + seen


# What stands behind both closing tags is read by nobody.
@named([row for row in ONE_OF_EACH_KIND if not row.sent.startswith(CLOSING)])
@SIDES
async def test_a_side_is_held_to_the_grammar_also_after_the_other_side_has_closed(bound, refused, hostile, side):
    client, gatekeeper = await bound()
    sender, receiver = (client, gatekeeper) if side == "downstream" else (gatekeeper, client)
    await exchange(receiver, sender, CLOSING)
    await sender.send(BEFORE + hostile.sent + AFTER)
    assert await receiver.read_all() == BEFORE + CLOSING
    # Its stream was closed, so that there is none for an error to stand in.
    assert await sender.read_all() == b""
    await refused(hostile.kind, side)


@pytest.mark.parametrize("stanza", NEARLY.values(), ids=NEARLY.keys())
@MANNERS
async def test_what_is_nearly_refused_passes_unchanged(bound, stanza, manner):
    client, gatekeeper = await bound()
    for sender, receiver in [(client, gatekeeper), (gatekeeper, client)]:
        await getattr(sender, manner)(stanza + AFTER)
        assert await receiver.read_exactly(len(stanza + AFTER)) == stanza + AFTER
    await exchange(client, gatekeeper, CLOSING)
    await exchange(gatekeeper, client, CLOSING)
    assert (await client.read_all(), await gatekeeper.read_all()) == (b"", b"")


@named(AT_START)
@MANNERS
async def test_a_client_without_a_stream_header_reaches_no_gatekeeper(raw, vestibule, refused, hostile, manner):
    connects = vestibule.metric("vestibule_upstream_connects_total")
    client = await raw()
    await getattr(client, manner)(hostile.sent + AFTER)
    own, told = _after_own_header(await client.read_all())
    assert (own[1], told) == (None, stream_error(hostile.kind))
    assert await refused(hostile.kind, "downstream") == place(b"", hostile)
    assert vestibule.metric("vestibule_upstream_connects_total") == connects


@named(AT_START)
@MANNERS
async def test_a_gatekeeper_without_a_stream_header_reaches_no_client(raw, scripted, refused, hostile, manner):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    await getattr(gatekeeper, manner)(hostile.sent + AFTER)
    assert await client.read_all() == b""
    assert await gatekeeper.read_all() == stream_error(hostile.kind)
    assert await refused(hostile.kind, "upstream") == place(b"", hostile)


@named(AT_START)
async def test_a_client_is_held_to_the_grammar_again_after_sasl(raw, scripted, refused, hostile):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    await authenticate(client, gatekeeper)
    before = client.sent
    await client.send_in_pieces(hostile.sent + AFTER)
    # There is no stream that could be closed: the new one has not begun.
    assert await gatekeeper.read_all() == b""
    own, told = _after_own_header(await client.read_all())
    assert own[1] and told == stream_error(hostile.kind)
    assert await refused(hostile.kind, "downstream") == before + place(b"", hostile)


@named(AT_START)
async def test_a_gatekeeper_is_held_to_the_grammar_again_after_sasl(raw, scripted, refused, hostile):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    await authenticate(client, gatekeeper)
    await exchange(client, gatekeeper, HEADER)
    before = gatekeeper.sent
    await gatekeeper.send_in_pieces(hostile.sent + AFTER)
    assert await client.read_all() == b""
    assert await gatekeeper.read_all() == stream_error(hostile.kind)
    assert await refused(hostile.kind, "upstream") == before + place(b"", hostile)


# What a client has begun to send when SASL succeeds. The new stream has nothing of the old one (RFC 6120, 4.3.3).
LEFT_OVER = {
    "a lone <": b"<",
    "half a header": HEADER.removeprefix(b"<?xml version='1.0'?>")[:-1],
    "half a stanza": b"<message to='bob@scripted.example'><body>",
    "half a character": b"<message>\xe6\xbc",
    "a stanza but for its last byte": AFTER[:-1],
}


@pytest.mark.parametrize("left_over", LEFT_OVER.values(), ids=LEFT_OVER.keys())
async def test_what_a_client_began_before_sasl_succeeded_is_not_continued(raw, scripted, refused, left_over):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    await exchange(gatekeeper, client, SERVER_HEADER + MECHANISMS)
    request = plain("alice", "secret")
    await client.send(request + left_over)
    assert await gatekeeper.read_until(request) == request
    await gatekeeper.send(SUCCESS)
    assert await gatekeeper.read_all() == b""
    received = await client.read_all()
    assert received.startswith(SUCCESS)
    own, told = _after_own_header(received.removeprefix(SUCCESS))
    assert own[1] and told == stream_error("restart-inside-frame")
    await refused("restart-inside-frame", "downstream")


# What a client sends ahead of the success that would begin a new stream, with the kind of the refusal.
TOO_EARLY = {
    "a whole header": (HEADER, "processing-instruction"),
    "a header without a declaration": (HEADER.removeprefix(b"<?xml version='1.0'?>"), "nested-stream"),
    "a closing tag and a header": (CLOSING + HEADER, "processing-instruction"),
}


@pytest.mark.parametrize("sent, kind", TOO_EARLY.values(), ids=TOO_EARLY.keys())
async def test_a_new_stream_does_not_begin_before_sasl_has_succeeded(raw, scripted, refused, sent, kind):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    await exchange(gatekeeper, client, SERVER_HEADER + MECHANISMS)
    request = plain("alice", "secret")
    await client.send(request + sent)
    assert await gatekeeper.read_all() == request + CLOSING
    assert await client.read_all() == stream_error(kind)
    await refused(kind, "downstream")


# What a gatekeeper sends behind the success, as if its stream were not over.
NO_HEADER = {
    "a stanza": (b"<message/>", "wrong-namespace"),
    "features": (MECHANISMS, "undeclared-prefix"),
    "a closing tag": (CLOSING, "mismatched-tag"),
    "text": (b"text", "text-outside-root"),
    "a comment": (b"<!-- -->", "comment"),
}


@pytest.mark.parametrize("sent, kind", NO_HEADER.values(), ids=NO_HEADER.keys())
async def test_a_gatekeepers_old_stream_is_not_continued_after_sasl(raw, scripted, refused, sent, kind):
    client = await raw()
    gatekeeper = await greet(client, scripted)
    await exchange(gatekeeper, client, SERVER_HEADER + MECHANISMS)
    await exchange(client, gatekeeper, plain("alice", "secret"))
    await gatekeeper.send(SUCCESS + sent)
    assert await client.read_all() == SUCCESS
    assert await gatekeeper.read_all() == OWN_HEADER_TO_GATEKEEPER + stream_error(kind)
    await refused(kind, "upstream")


SPECIMEN = "<message id='1' b=\"/>\"><body xml:lang='de'>\u00e9&amp;<![CDATA[\u6f22]]></body></message>".encode()


@pytest.mark.parametrize("length", range(1, len(SPECIMEN)))
@SIDES
async def test_nothing_passes_of_a_stanza_that_is_cut_off(bound, length, side):
    client, gatekeeper = await bound()
    sender, receiver = (client, gatekeeper) if side == "downstream" else (gatekeeper, client)
    await sender.send(BEFORE + SPECIMEN[:length])
    sender.leave()
    # Without the closing tag: the client may resume the session.
    assert await receiver.read_all() == BEFORE
    sent = HEADER + BEFORE + SPECIMEN[:length]
    assert inspect(sent) == f"refused truncated at {len(sent)}"


def test_every_kind_of_refusal_is_in_the_battery():
    source = (REPOSITORY / "src/framing/refusal.rs").read_text()
    kinds = set(re.findall(r'^    [A-Z]\w+, "([a-z0-9-]+)", \w+,', source, re.MULTILINE))
    sent = {row.kind for row in IN_STREAM + AT_START}
    # A stream that is cut off is nobody's to be told; the last one is only ever said of our own edits.
    assert kinds - sent == {"restart-inside-frame", "truncated", "not-one-element"}


def _after_own_header(received):
    """The header that Vestibule opened the stream with in the gatekeeper's place, and what came after it."""
    own = OWN_HEADER.match(received)
    assert own, received
    return own, received[own.end() :]
