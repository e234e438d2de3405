"""The content types reach the gatekeeper, or the contacts, and only Vestibule can say them."""

import pytest

from client import befriend
from names import CONTENT_TYPES, GATEKEEPER, PASSWORD, PRESENCE_CARRIER
from raw import plain, stream_header

FORGED = (
    f"<content-types xmlns='{CONTENT_TYPES}'><accept class='forged' type='forged/forged'/></content-types>"
)

pytestmark = pytest.mark.usefixtures("vestibule")


def advertised(stanza):
    """The content types in a stanza, as (class, media type) pairs of each element found at its first level."""
    elements = stanza.xml.findall(f"{{{CONTENT_TYPES}}}content-types")
    return [[(accept.get("class"), accept.get("type")) for accept in element] for element in elements]


async def test_a_contact_sees_them_in_presence(connect):
    alice, bob = [await connect(name, host=PRESENCE_CARRIER) for name in ["alice", "bob"]]
    await befriend(alice, bob)
    alice.send_presence(pshow="chat")
    (types,) = advertised(await bob.presence(lambda presence: presence["show"] == "chat"))
    assert len(types) > 1 and all(name and media_type for name, media_type in types)


async def test_presence_for_one_addressee_and_unavailable_presence_carry_none(connect):
    alice, bob = [await connect(name, host=PRESENCE_CARRIER) for name in ["alice", "bob"]]
    await befriend(alice, bob)
    alice.send_presence(pto=bob.boundjid, pstatus="only for you")
    assert advertised(await bob.presence(lambda presence: presence["status"] == "only for you")) == []
    alice.send_presence(ptype="unavailable", pstatus="bye")
    assert advertised(await bob.presence(lambda presence: presence["status"] == "bye")) == []


async def test_what_a_client_says_itself_is_taken_out_of_presence(connect):
    alice, bob = [await connect(name, host=PRESENCE_CARRIER) for name in ["alice", "bob"]]
    await befriend(alice, bob)
    alice.send_raw(f"<presence><show>dnd</show>{FORGED}<status>kept</status></presence>")
    seen = await bob.presence(lambda presence: presence["show"] == "dnd")
    (types,) = advertised(seen)
    assert seen["status"] == "kept"
    assert types and ("forged", "forged/forged") not in types


async def test_the_gatekeeper_gets_them_in_the_bind_request_and_accepts_it(connect, gatekeeper):
    await connect("alice", resource="with-types")
    requests = [
        line for line in gatekeeper.log().splitlines() if "RECV: <iq" in line and "with-types" in line
    ]
    (bind,) = [line for line in requests if "urn:ietf:params:xml:ns:xmpp-bind" in line]
    assert bind.count("<content-types") == 1 and CONTENT_TYPES in bind


async def test_what_a_client_says_itself_is_taken_out_of_the_bind_request(raw, accounts, gatekeeper):
    jid = accounts.jid("alice")
    client = await raw()
    await client.send(stream_header())
    await client.read_until(b"</stream:features>")
    await client.send(plain(jid.split("@")[0], PASSWORD))
    await client.read_until(b"/>")
    await client.send(stream_header())
    await client.read_until(b"</stream:features>")
    await client.send(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
        f"<resource>forger</resource>{FORGED}</bind></iq>".encode()
    )
    assert b"/forger</jid>" in await client.read_until(b"</iq>")
    (bind,) = [line for line in gatekeeper.log().splitlines() if "RECV: <iq" in line and "forger" in line]
    assert bind.count("<content-types") == 1 and "forged" not in bind


async def test_the_bind_carrier_leaves_presence_as_it_is(connect):
    alice, bob = [await connect(name, host=GATEKEEPER) for name in ["alice", "bob"]]
    await befriend(alice, bob)
    alice.send_presence(pshow="chat")
    assert advertised(await bob.presence(lambda presence: presence["show"] == "chat")) == []
