"""TLS with clients: which versions, names and protocols are taken."""

import ssl

import pytest

from names import ELSEWHERE, ELSEWHERE_NAME, PASSWORD
from raw import log_in, stream_header

pytestmark = pytest.mark.usefixtures("vestibule")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_of_tls_carry_a_session(raw, accounts, version):
    client = await raw(version=version)
    jid = accounts.jid("alice")
    assert jid.encode() in await log_in(client, jid, PASSWORD)
    assert client.tls.version() == version.name.replace("_", ".")


@pytest.mark.parametrize(
    "offered, agreed", [(["xmpp-client"], "xmpp-client"), (["h2", "xmpp-client"], "xmpp-client"), ([], None)]
)
async def test_the_protocol_is_agreed_on_if_the_client_offers_it(raw, offered, agreed):
    client = await raw(alpn=offered)
    assert client.tls.selected_alpn_protocol() == agreed


async def test_a_client_of_another_protocol_is_refused_in_the_handshake(raw):
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        await raw(alpn=["http/1.1"])


async def test_a_server_name_that_is_not_configured_is_refused_in_the_handshake(raw):
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name|access.denied|handshake.failure"):
        await raw(server_name="unknown.provider.example")


async def test_each_server_name_leads_to_its_own_hosts(raw):
    client = await raw(server_name=ELSEWHERE_NAME)
    await client.send(stream_header(to=ELSEWHERE))
    # The gatekeeper does not know this host; that it was asked shows that the stream was let through.
    assert b"host-unknown" in await client.read_until(b"</stream:stream>")
