"""Personal eventing (XEP-0163): subscription by presence and entity capabilities, so both must pass unharmed."""

import pytest

from client import befriend
from names import GATEKEEPER, PRESENCE_CARRIER

PLUGINS = ["xep_0030", "xep_0115", "xep_0163", "xep_0172"]


@pytest.mark.parametrize("host", [GATEKEEPER, PRESENCE_CARRIER])
async def test_a_contact_that_wants_notifications_gets_what_is_published(connect, host):
    alice = await connect("alice", host=host, plugins=PLUGINS)
    bob = await connect("bob", host=host, plugins=PLUGINS, appear=False)
    bob.plugin["xep_0163"].add_interest("http://jabber.org/protocol/nick")
    await bob.plugin["xep_0115"].update_caps(broadcast=False)
    await bob.appear()
    await befriend(alice, bob)

    await alice.plugin["xep_0172"].publish_nick("Al \u2603")
    event = await bob.message(lambda message: "pubsub_event" in message)
    assert event["from"].bare == alice.boundjid.bare
    assert event["pubsub_event"]["items"]["item"]["nick"]["nick"] == "Al \u2603"


async def test_what_was_published_can_be_fetched(connect):
    alice = await connect("alice", plugins=["xep_0060"])
    node = "urn:example:keys"
    item = "<keys xmlns='urn:example:keys'>AAECAw==</keys>"
    await alice.request(
        f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{node}'><item id='current'>{item}</item>"
        "</publish></pubsub>",
        kind="set",
    )
    answer = await alice.plugin["xep_0060"].get_items(alice.boundjid.bare, node)
    (stored,) = answer["pubsub"]["items"]
    assert (stored["id"], stored["payload"].text) == ("current", "AAECAw==")
