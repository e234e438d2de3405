"""What a client cannot receive does not reach it: Alice, behind Vestibule, can receive text; Bob, who writes to her, is
not behind it. What is checked is what her XMPP library reads.
"""

from copy import deepcopy
from xml.etree.ElementTree import canonicalize, fromstring, tostring

import pytest

from content import FALLBACK, KINDS, LINK, METADATA, REACTIONS, SHARING
from names import ENFORCING, PASSWORD, ROOMS
from process import eventually
from raw import log_in

EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
MESSAGE = "{jabber:client}message"

pytestmark = pytest.mark.usefixtures("enforcing_vestibule")


@pytest.fixture
def bob(connect, gatekeeper):
    """Logs Bob in, past Vestibule: `await bob()`."""
    return lambda: connect("bob", ENFORCING, at=gatekeeper.door)


def envelope(message):
    """A message without what the policy is about, and without that of the messages which it carries."""
    message = deepcopy(message)
    names = SHARING, METADATA, LINK, REACTIONS, FALLBACK, "urn:xmpp:receipts", "urn:xmpp:chat-markers:0"
    content = tuple(f"{{{name}}}" for name in names) + ("{jabber:client}body",)
    for carrier in [message, *message.iter(MESSAGE)]:
        for child in [child for child in carrier if child.tag.startswith(content)]:
            carrier.remove(child)
    return canonicalize(tostring(message, encoding="unicode"), rewrite_prefixes=True)


def has_payload(message, kind):
    """Whether a message holds what not every client can receive, if its kind has any."""
    return kind.namespace is None or any(f"{{{kind.namespace}}}" in child.tag for child in message)


async def sent_by(gatekeeper, client, text):
    """The last message to a client in which `text` stands, as the gatekeeper sent it."""

    def found():
        messages = gatekeeper.sent(gatekeeper.session_of(client.boundjid.full), "<message ")
        return [message for message in messages if text in message]

    (message,) = fromstring(f"<stream xmlns='jabber:client'>{(await eventually(found))[-1]}</stream>")
    return message


@EVERY_KIND
async def test_a_message_holds_what_the_client_can_receive(connect, bob, gatekeeper, kind):
    alice, bob = await connect("alice", ENFORCING), await bob()
    bob.send_raw(kind.message("m1", alice.boundjid))
    message = await alice.message(lambda message: message["id"] == "m1")
    kind.check(message.xml)
    assert envelope(message.xml) == envelope(await sent_by(gatekeeper, alice, "id='m1'"))
    assert message.xml.find("{urn:xmpp:sid:0}stanza-id") is not None


async def test_what_the_account_gets_on_another_device_is_judged_as_well(connect, bob, gatekeeper):
    """Carbons (XEP-0280) of what the other device receives, and of what it sends."""
    phone = await connect("alice", ENFORCING, resource="phone", plugins=["xep_0280"])
    desk = await connect("alice", ENFORCING, resource="desk", at=gatekeeper.door)
    bob = await bob()
    await phone.plugin["xep_0280"].enable()
    for number, kind in enumerate(KINDS.values()):
        for sender, receiver, direction in [(bob, desk, "received"), (desk, bob, "sent")]:
            identifier = f"{direction}{number}"
            sender.send_raw(kind.message(identifier, receiver.boundjid))
            carbon = (await phone.message()).xml
            (copied,) = carbon.find(f"{{urn:xmpp:carbons:2}}{direction}").iter(MESSAGE)
            expected = [sender.boundjid.full, receiver.boundjid.full, identifier]
            assert [copied.get(name) for name in ["from", "to", "id"]] == expected
            kind.check(copied)
            assert envelope(carbon) == envelope(await sent_by(gatekeeper, phone, f"id='{identifier}'"))
            # The receiver itself is not behind Vestibule, and gets all of it.
            original = await receiver.message(lambda message, wanted=identifier: message["id"] == wanted)
            assert has_payload(original.xml, kind)


async def test_the_archive_gives_what_the_client_can_receive(connect, bob, gatekeeper):
    alice, bob = await connect("alice", ENFORCING), await bob()
    kinds = {f"m{number}": kind for number, kind in enumerate(KINDS.values())}
    archived_as = {}
    for identifier, kind in kinds.items():
        bob.send_raw(kind.message(identifier, alice.boundjid))
        message = (await alice.message()).xml
        archived_as[identifier] = message.find("{urn:xmpp:sid:0}stanza-id").get("id")
    await alice.request("<query xmlns='urn:xmpp:mam:2' queryid='q1'/>", kind="set")
    for identifier, kind in kinds.items():
        outer = (await alice.message()).xml
        result = outer.find("{urn:xmpp:mam:2}result")
        (inner,) = result.iter(MESSAGE)
        assert inner.get("id") == identifier and result.get("id") == archived_as[identifier]
        assert result.find("{urn:xmpp:forward:0}forwarded/{urn:xmpp:delay}delay") is not None
        kind.check(inner)
        assert envelope(outer) == envelope(await sent_by(gatekeeper, alice, f"id='{archived_as[identifier]}'"))


@pytest.mark.parametrize("name", ["text", "OMEMO", "OMEMO of old"])
async def test_what_passes_keeps_its_bytes(raw, door_to, accounts, bob, gatekeeper, name):
    jid, bob = accounts.jid("alice", ENFORCING), await bob()
    alice = await raw(at=door_to(ENFORCING))
    await log_in(alice, jid, PASSWORD)
    bob.send_raw(KINDS[name].message("m1", f"{jid}/raw"))
    arrived = (await alice.read_until(b"</message>")).decode()
    arrived = arrived[arrived.index("<message ") :]
    await gatekeeper.logged("id='m1'")
    assert arrived in gatekeeper.sent(gatekeeper.session_of(f"{jid}/raw"), "<message ")


async def test_a_group_chat_is_judged_as_well(connect, bob):
    """What Alice herself says comes back to her (XEP-0045), and is judged like what others say."""
    alice, bob = await connect("alice", ENFORCING), await bob()
    room = f"enforcement-{alice.boundjid.user}@{ROOMS}"
    for client in [alice, bob]:
        client.send_raw(
            f"<presence to='{room}/{client.boundjid.user}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )
        await client.presence(lambda presence, client=client: presence["from"].resource == client.boundjid.user)
    for sender in [alice, bob]:
        identifier = f"from-{sender.boundjid.user}"
        sender.send_raw(
            KINDS["document"].message(identifier, room).replace("type='chat'", "type='groupchat'", 1)
        )
        message = await alice.message(lambda message, identifier=identifier: message["id"] == identifier)
        KINDS["document"].check(message.xml)


async def test_what_the_client_sends_is_not_judged(connect, bob):
    alice, bob = await connect("alice", ENFORCING), await bob()
    for number, kind in enumerate(KINDS.values()):
        alice.send_raw(kind.message(f"m{number}", bob.boundjid))
        message = (await bob.message()).xml
        assert message.get("id") == f"m{number}"
        assert has_payload(message, kind)
