"""The clients that verify entity capabilities do verify, and the servers take part: all this without Vestibule."""

import pytest

from capabilities import Announcer, Build, caps, caps_2
from names import DISCO_CARRIER, EJABBERD
from verifiers import AioxmppVerifier, SlixmppVerifier

SERVERS = pytest.mark.parametrize("host", [DISCO_CARRIER, EJABBERD])

# Each client with the words that it is to verify, once as they should be and once not.
VERIFIERS = {
    "slixmpp": (SlixmppVerifier, lambda build: caps(build.version())),
    "aioxmpp, XEP-0115": (AioxmppVerifier, lambda build: caps(build.version())),
    "aioxmpp, XEP-0390": (
        AioxmppVerifier,
        lambda build: caps_2(sha_256=build.hash(), sha3_256=build.hash("sha3-256")),
    ),
}

# XEP-0115, 5.2, and XEP-0390, 9.1.
EXODUS = Build(
    ("client", "pc", "", "Exodus 0.9.1"),
    (
        "http://jabber.org/protocol/caps",
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "http://jabber.org/protocol/muc",
    ),
)
BOMBUS = Build(
    ("client", "mobile", "", "BombusMod"),
    tuple(
        f"http://jabber.org/protocol/{name}"
        for name in ["bytestreams", "chatstates", "disco#info", "disco#items", "ibb", "rosterx", "si"]
        + ["si/profile/file-transfer"]
    )
    + tuple(f"jabber:iq:{name}" for name in ["last", "privacy", "roster", "time", "version"])
    + ("jabber:x:oob", "urn:xmpp:ping", "urn:xmpp:receipts", "urn:xmpp:time"),
)


def test_the_builds_of_the_tests_have_the_hashes_that_the_specifications_give():
    assert EXODUS.version() == "QgayPKawpkPSDYmwT/WM94uAlu0="
    assert BOMBUS.hash("sha-256") == "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8="
    assert BOMBUS.hash("sha3-256") == "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q="


@pytest.fixture
def door_to(serving):
    return lambda host: serving(host).door


@SERVERS
@pytest.mark.parametrize("verifier, words", VERIFIERS.values(), ids=VERIFIERS.keys())
async def test_a_true_hash_is_accepted_and_a_forged_one_refused(connect, host, verifier, words):
    alice = await connect("alice", host, kind=Announcer, build=Build.fresh())
    bob = await connect("bob", host, kind=verifier)
    await bob.watch(alice)
    other = alice.build.with_features("urn:example:not-said")
    alice.announce("away", words(other))
    assert await bob.verified(await bob.sees(alice, "away")) is None
    alice.announce("chat", words(alice.build))
    assert (await bob.verified(await bob.sees(alice, "chat"))).features == set(alice.build.features)


@SERVERS
async def test_a_real_clients_hashes_are_true_in_both_forms(connect, host):
    alice = await connect("alice", host, kind=AioxmppVerifier, features=["urn:example:mine"])
    bob = await connect("bob", host, kind=AioxmppVerifier)
    await bob.watch(alice)
    await alice.announce("chat")
    seen = await bob.sees(alice, "chat")
    assert seen.version and seen.hashes
    assert "urn:example:mine" in (await bob.verified(seen)).features


@SERVERS
async def test_a_real_clients_hash_is_true(connect, host):
    alice = await connect("alice", host, plugins=["xep_0030", "xep_0115"])
    bob = await connect("bob", host, kind=SlixmppVerifier)
    await bob.watch(alice)
    await alice.plugin["xep_0115"].update_caps(broadcast=False)
    alice.send_presence(pshow="chat")
    assert (await bob.verified(await bob.sees(alice, "chat"))).features
