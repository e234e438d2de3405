"""Authentication passes Vestibule untouched: whatever mechanism the two ends agree on works."""

import pytest

from names import PASSWORD, SASL2
from raw import log_in_with_bind_2


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "PLAIN"])
async def test_a_client_logs_in(connect, mechanism):
    alice = await connect("alice", sasl_mech=mechanism)
    assert alice.plugin["feature_mechanisms"].mech.name == mechanism
    assert alice.boundjid.resource


async def test_a_wrong_password_is_refused_by_the_gatekeeper(connect, accounts):
    accounts.jid("alice")
    with pytest.raises(PermissionError):
        await connect("alice", password="wrong")


async def test_the_resource_that_the_client_asks_for_is_bound(connect):
    alice = await connect("alice", resource="phone")
    assert alice.boundjid.resource == "phone"


async def test_sasl2_and_bind_2_take_no_restart(raw, accounts):
    client, jid = await raw(), accounts.jid("alice", SASL2)
    bound = await log_in_with_bind_2(client, jid, PASSWORD, inside="<tag>raw</tag>")
    assert bound.startswith(b"<success xmlns='urn:xmpp:sasl:2'>")
    await client.send(b"<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert b"type='result'" in await client.read_until(b"/>")
