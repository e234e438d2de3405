"""Rosters and the presence of contacts."""

from client import befriend


async def test_the_roster_holds_what_was_set(connect):
    alice = await connect("alice")
    contact = f"friend@{alice.boundjid.host}"
    await alice.update_roster(contact, name="Fr\u00e9d\u00e9ric & \u5f20", groups=["Family", "<Work>"])
    roster = (await alice.get_roster())["roster"]["items"]
    assert roster[contact]["name"] == "Fr\u00e9d\u00e9ric & \u5f20"
    assert set(roster[contact]["groups"]) == {"Family", "<Work>"}


async def test_a_change_of_the_roster_is_pushed_to_the_other_device(connect):
    phone = await connect("alice", resource="phone")
    desk = await connect("alice", resource="desk")
    await desk.get_roster()
    pushed = desk.loop.create_future()
    desk.add_event_handler("roster_update", lambda iq: pushed.set_result(iq) if iq["type"] == "set" else None)
    await phone.update_roster(f"friend@{phone.boundjid.host}", name="Friend")
    assert (await pushed)["roster"]["items"][f"friend@{phone.boundjid.host}"]["name"] == "Friend"


async def test_contacts_see_each_other_come_change_and_go(connect):
    alice, bob = await connect("alice"), await connect("bob")
    await befriend(alice, bob)
    alice.send_presence(pshow="away", pstatus="lunch \U0001f96a")
    changed = await bob.presence(lambda presence: presence["from"] == alice.boundjid and presence["show"])
    assert (changed["show"], changed["status"]) == ("away", "lunch \U0001f96a")
    full = alice.boundjid.full
    await alice.disconnect()
    gone = await bob.presence(lambda presence: presence["type"] == "unavailable")
    assert gone["from"] == full
