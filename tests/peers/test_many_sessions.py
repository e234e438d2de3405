"""Many sessions at once, each with its own connection to the gatekeeper."""

import asyncio

SESSIONS = 200


async def test_200_sessions_at_once_log_in_and_each_gets_its_own_message_back(connect):
    names = [f"crowd-{number % 20}" for number in range(SESSIONS)]
    clients = await asyncio.gather(
        *(
            connect(name, resource=f"r{number}", appear=False, sasl_mech="PLAIN")
            for number, name in enumerate(names)
        )
    )
    assert len({client.boundjid.full for client in clients}) == SESSIONS

    async def echo(client):
        body = f"only for {client.boundjid.full}"
        client.send_message(mto=client.boundjid, mbody=body, mtype="chat")
        received = await client.message()
        return received["body"] == body and received["from"] == client.boundjid

    assert all(await asyncio.gather(*(echo(client) for client in clients)))
