"""The carrier `disco`: contacts and gatekeepers see the content types among a client's capabilities, and the hashes are
true. Alice and Bob are behind Vestibule; who verifies is the contact's own XMPP library.
"""

import base64

import pytest

from capabilities import NODE, Announcer, Build, caps, caps_2
from client import befriend
from names import CONTENT_TYPES, DISCO_CARRIER, DISCO_INFO, EJABBERD
from verifiers import AioxmppVerifier, SlixmppVerifier

pytestmark = [
    pytest.mark.usefixtures("capabilities_vestibule"),
    pytest.mark.parametrize("host", [DISCO_CARRIER, EJABBERD]),
]

VERIFIERS = pytest.mark.parametrize(
    "verifier", [SlixmppVerifier, AioxmppVerifier], ids=["slixmpp", "aioxmpp"]
)

TEXT, IMAGE = f"{CONTENT_TYPES}#text", f"{CONTENT_TYPES}#image"


def has_content_types(known):
    """Whether capabilities that were verified hold the features of the content types and their form, once and whole."""
    form = known.forms.get(CONTENT_TYPES)
    assert {TEXT, IMAGE} <= known.features if form else not any(CONTENT_TYPES in var for var in known.features)
    assert not form or {"text/plain;charset=utf-8", "image/jpeg"} <= {
        value for values in form.values() for value in values
    }
    return form is not None


async def learn(alice, contact):
    """Alice's presence with a build that nobody knows passes unedited, and the answer to who asks is learnt."""
    alice.announce("away")
    seen = await contact.sees(alice, "away")
    known = await contact.verified(seen)
    assert seen.version == alice.build.version()
    assert known.features == set(alice.build.features) and not has_content_types(known)


@VERIFIERS
async def test_a_contact_sees_them_verified_once_the_build_is_known(connect, host, verifier):
    alice = await connect("alice", host, kind=Announcer, build=Build.fresh())
    bob = await connect("bob", host, kind=verifier)
    await bob.watch(alice)
    await learn(alice, bob)

    alice.announce("chat")
    seen = await bob.sees(alice, "chat")
    assert seen.version != alice.build.version()
    known = await bob.verified(seen)
    assert has_content_types(known) and known.features > set(alice.build.features)
    # The client knows nothing of the edited hash: it is asked in its own words.
    assert set(alice.asked) == {alice.node()}


@VERIFIERS
async def test_what_one_client_taught_holds_for_all_of_its_build(connect, host, verifier):
    build = Build.fresh()
    alice, carol = [await connect(name, host, kind=Announcer, build=build) for name in ["alice", "carol"]]
    bob = await connect("bob", host, kind=verifier)
    for contact in [alice, carol]:
        await bob.watch(contact)
    await learn(alice, bob)
    carol.announce("chat")
    assert has_content_types(await bob.verified(await bob.sees(carol, "chat")))


async def test_a_client_that_comes_back_is_known_at_once(connect, host):
    build = Build.fresh()
    alice = await connect("alice", host, kind=Announcer, build=build)
    bob = await connect("bob", host, kind=SlixmppVerifier)
    await bob.watch(alice)
    await learn(alice, bob)
    await alice.leave()
    alice = await connect("alice", host, kind=Announcer, build=build)
    alice.announce("chat")
    assert has_content_types(await bob.verified(await bob.sees(alice, "chat")))


async def test_directed_presence_says_the_same(connect, host):
    alice = await connect("alice", host, kind=Announcer, build=Build.fresh())
    bob = await connect("bob", host, kind=SlixmppVerifier)
    await bob.watch(alice)
    await learn(alice, bob)
    alice.send_raw(
        f"<presence to='{bob.boundjid}'><show>dnd</show>{caps(alice.build.version())}</presence>"
    )
    assert has_content_types(await bob.verified(await bob.sees(alice, "dnd")))


async def test_an_older_hash_stands_for_what_it_stood_for(connect, host):
    """A contact may ask for a hash that is not the last: unedited, edited, or of another build than today's."""
    alice = await connect("alice", host, kind=Announcer, build=Build.fresh())
    bob = await connect("bob", host, kind=AioxmppVerifier)
    await bob.watch(alice)
    await learn(alice, bob)
    alice.announce("chat")
    seen = await bob.sees(alice, "chat")
    alice.become(alice.build.with_features("urn:example:newer"))
    alice.announce("xa")
    newer = await bob.sees(alice, "xa")
    assert newer.version == alice.build.version()
    for sighting in [seen, newer]:
        known = await bob.verified(sighting)
        assert has_content_types(known) == (sighting is seen)
        assert ("urn:example:newer" in known.features) == (sighting is newer)


async def test_a_question_without_a_node_gets_the_content_types(connect, host):
    alice = await connect("alice", host, kind=Announcer, build=Build.fresh())
    bob = await connect("bob", host)
    answer = await bob.request(f"<query xmlns='{DISCO_INFO}'/>", to=alice.boundjid)
    features = [feature.get("var") for feature in answer.xml.iter(f"{{{DISCO_INFO}}}feature")]
    assert len(features) == len(set(features)) and {TEXT, IMAGE, *alice.build.features} <= set(features)


@VERIFIERS
async def test_a_forged_hash_passes_and_is_believed_by_nobody(connect, host, verifier):
    alice = await connect("alice", host, kind=Announcer, build=Build.fresh())
    bob = await connect("bob", host, kind=verifier)
    await bob.watch(alice)
    forged = alice.build.with_features("urn:example:not-said").version()
    for show in ["away", "chat"]:
        alice.announce(show, caps(forged))
        seen = await bob.sees(alice, show)
        assert seen.version == forged
        assert await bob.verified(seen) is None


async def test_both_forms_of_capabilities_are_true(connect, host):
    build = Build.fresh()
    alice = await connect("alice", host, kind=Announcer, build=build)
    bob = await connect("bob", host, kind=AioxmppVerifier)
    await bob.watch(alice)
    own = {"sha-256": build.hash(), "sha3-256": build.hash("sha3-256")}
    both = caps(build.version()), caps_2(sha_256=own["sha-256"], sha3_256=own["sha3-256"])
    alice.announce("away", *both)
    seen = await bob.sees(alice, "away")
    assert _base64(seen.hashes) == own
    assert not has_content_types(await bob.verified(seen))

    alice.announce("chat", *both)
    seen = await bob.sees(alice, "chat")
    assert seen.version != build.version()
    assert seen.hashes.keys() == own.keys() and not set(_base64(seen.hashes).values()) & set(own.values())
    assert has_content_types(await bob.verified(seen))
    assert all(node.startswith((f"{NODE}#", "urn:xmpp:caps#")) for node in alice.asked)
    assert {node.partition("#")[2] for node in alice.asked} <= {
        build.version(),
        *(f"{algorithm}.{value}" for algorithm, value in own.items()),
    }


async def test_an_answer_to_one_form_teaches_both(connect, host):
    """Servers ask in the words of XEP-0115, and hardly anybody for the hashes of XEP-0390."""
    build = Build.fresh()
    alice = await connect("alice", host, kind=Announcer, build=build)
    bob = await connect("bob", host, kind=SlixmppVerifier)
    carol = await connect("carol", host, kind=AioxmppVerifier)
    for contact in [bob, carol]:
        await contact.watch(alice)
    both = caps(build.version()), caps_2(sha_256=build.hash())
    alice.announce("away", *both)
    assert await bob.verified(await bob.sees(alice, "away"))
    assert set(alice.asked) == {alice.node()}
    alice.announce("chat", *both)
    assert has_content_types(await carol.verified(await carol.sees(alice, "chat")))


async def test_a_real_client_with_both_forms_is_verified(connect, host):
    alice = await connect("alice", host, kind=AioxmppVerifier, features=Build.fresh().features[2:])
    bob = await connect("bob", host, kind=AioxmppVerifier)
    await bob.watch(alice)
    await alice.announce("away")
    assert await bob.verified(await bob.sees(alice, "away"))
    await alice.announce("chat")
    assert has_content_types(await bob.verified(await bob.sees(alice, "chat")))


async def test_a_real_client_with_a_language_on_its_stream_is_verified(connect, host):
    """slixmpp's own hash leaves out the language that its identities inherit."""
    alice = await connect("alice", host, plugins=["xep_0030", "xep_0115"], appear=False)
    alice.plugin["xep_0030"].add_feature(Build.fresh().features[2])
    await alice.plugin["xep_0115"].update_caps(broadcast=False)
    await alice.appear()
    bob = await connect("bob", host, kind=SlixmppVerifier)
    await bob.watch(alice)
    alice.send_presence(pshow="away")
    assert await bob.verified(await bob.sees(alice, "away"))
    alice.send_presence(pshow="chat")
    assert has_content_types(await bob.verified(await bob.sees(alice, "chat")))


async def test_notifications_keep_coming_before_and_after_the_edit(connect, host):
    """Whom a server notifies (XEP-0163) it knows by the capabilities of a contact, which it asks for."""
    node = "urn:example:tune"
    bob = await connect("bob", host, kind=Announcer, build=Build.fresh(f"{node}+notify"))
    alice = await connect("alice", host, kind=SlixmppVerifier)
    await befriend(alice, bob)
    edited = []
    for show in ["away", "chat"]:
        bob.announce(show)
        edited.append((await alice.sees(bob, show)).version != bob.build.version())
        item = f"<item id='{show}'><tune xmlns='{node}'>{show}</tune></item>"
        await alice.request(
            f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{node}'>{item}</publish></pubsub>",
            kind="set",
        )
        # The server asks for the capabilities meanwhile, and sends the last item to who turns out to want it.
        await bob.message(lambda message, show=show: f">{show}</tune>" in str(message))
    assert edited == [False, True]


def _base64(hashes):
    return {algorithm: base64.b64encode(digest).decode() for algorithm, digest in hashes.items()}
