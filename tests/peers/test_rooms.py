"""Group chat (XEP-0045)."""

import asyncio

from names import DEADLINE, ROOMS


async def test_people_join_a_room_and_talk(connect):
    alice, bob = [await connect(name, plugins=["xep_0045"]) for name in ["alice", "bob"]]
    room = f"room-of-{alice.boundjid.user}@{ROOMS}"
    for client, nick in [(alice, "Alice \u2665"), (bob, "Bob")]:
        await client.plugin["xep_0045"].join_muc_wait(room, nick, timeout=DEADLINE, maxstanzas=0)
    bob.send_message(mto=room, mbody="hi all", mtype="groupchat")
    alice.send_message(mto=room, mbody="welcome", mtype="groupchat")

    async def heard(client):
        bodies = []
        while len(bodies) < 2:
            message = await client.message(lambda message: message["type"] == "groupchat" and message["body"])
            bodies.append((message["from"].resource, message["body"]))
        return bodies

    everyone = await asyncio.gather(heard(alice), heard(bob))
    assert everyone[0] == everyone[1]
    assert sorted(everyone[0]) == [("Alice \u2665", "welcome"), ("Bob", "hi all")]
