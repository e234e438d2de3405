"""Authentication passes Vestibule untouched: whatever mechanism the two ends agree on works."""

import pytest

from names import PASSWORD, SASL2
from raw import log_in


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


async def test_a_client_that_does_not_know_sasl2_logs_in_by_sasl(raw, accounts):
    jid = accounts.jid("alice", SASL2)
    assert jid.encode() in await log_in(await raw(), jid, PASSWORD)
