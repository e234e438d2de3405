"""Message archives (XEP-0313)."""

import asyncio

from names import DEADLINE


async def test_the_archive_gives_back_the_conversation(connect):
    alice, bob = await connect("alice", plugins=["xep_0313"]), await connect("bob")
    bodies = [f"archived {number} <&> \u6f22" for number in range(30)]
    for body in bodies:
        alice.send_message(mto=bob.boundjid, mbody=body, mtype="chat")
    for _ in bodies:
        await bob.message()

    async def archived():
        pages = alice.plugin["xep_0313"].iterate(with_jid=bob.boundjid.bare, rsm={"max": 10})
        return [result["mam_result"]["forwarded"]["stanza"]["body"] async for result in pages]

    assert await asyncio.wait_for(archived(), DEADLINE) == bodies
