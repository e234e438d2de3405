"""Carbons (XEP-0280): an account's devices see each other's conversations."""


async def test_the_other_device_sees_what_one_device_gets_and_sends(connect):
    phone = await connect("alice", resource="phone", plugins=["xep_0280"])
    desk = await connect("alice", resource="desk", plugins=["xep_0280"])
    bob = await connect("bob")
    for device in [phone, desk]:
        await device.plugin["xep_0280"].enable()

    phone.send_message(mto=bob.boundjid, mbody="from the phone", mtype="chat")
    carbon = await desk.message()
    copied = carbon["carbon_sent"]
    assert (carbon["from"], copied["body"], copied["to"]) == (
        phone.boundjid.bare,
        "from the phone",
        bob.boundjid,
    )

    bob.send_message(mto=phone.boundjid, mbody="to the phone", mtype="chat")
    carbon = await desk.message()
    copied = carbon["carbon_received"]
    assert (carbon["from"], copied["body"], copied["to"]) == (
        phone.boundjid.bare,
        "to the phone",
        phone.boundjid,
    )
