"""Authentication passes Vestibule untouched: whatever mechanism the two ends agree on works."""

import pytest

from names import PASSWORD, SASL2
from raw import log_in, stream_header


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


async def test_sasl2_is_withheld_and_the_client_logs_in_by_sasl(vestibule, raw, accounts, gatekeeper):
    """Bind 2 would bind without the request that carries the content types."""
    client, jid = await raw(), accounts.jid("alice", SASL2)
    await client.send(stream_header(SASL2))
    features = await client.read_until(b"</stream:features>")
    await gatekeeper.logged("<authentication xmlns='urn:xmpp:sasl:2'>")
    assert b"urn:ietf:params:xml:ns:xmpp-sasl" in features and b"urn:xmpp:sasl:2" not in features
    assert jid.encode() in await log_in(await raw(), jid, PASSWORD)
