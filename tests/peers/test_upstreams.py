"""Several endpoints of one gatekeeper: who gets which, and what happens when one fails."""

import asyncio
import contextlib
import datetime
import socket
import ssl
import threading

import pytest
import trustme

from names import GATEKEEPER, SCRIPTED
from process import Server, free_port
from upstreams import CLIENTS, UNREACHABLE, answers, by_srv, issue, listed, until



async def test_a_client_comes_back_to_its_endpoint_also_by_another_replica(endpoint, proxy):
    both = listed(endpoint("a"), endpoint("b"))
    first, replica = proxy(both), proxy(both, folder="replica")
    reached = await answers(first)
    assert set(reached.values()) == {"a", "b"}
    for vestibule in (first, first, replica):
        assert await answers(vestibule) == reached
    assert first.status() == {"up": 2, "ejected": 0}


async def test_who_had_a_killed_endpoint_gets_another_and_comes_back_with_it(endpoint, proxy):
    a, b = endpoint("a"), endpoint("b")
    vestibule = proxy(listed(a, b))
    reached = await answers(vestibule)
    b.kill()
    assert set((await answers(vestibule)).values()) == {"a"}
    assert vestibule.status() == {"up": 1, "ejected": 1}
    assert vestibule.metric('vestibule_upstream_ejections_total{upstream="gatekeeper"}') >= 1
    place = f'upstream="gatekeeper" endpoint="{b.address}:{b.port}"'
    assert f"WARN vestibule: an endpoint is passed over {place} result=\"unreachable\"" in vestibule.server.said()
    b.start()
    of_b = next(client for client, name in reached.items() if name == "b")
    await until(vestibule, of_b, "b")
    assert await answers(vestibule) == reached
    assert vestibule.status() == {"up": 2, "ejected": 0}
    assert f"INFO vestibule: an endpoint is back {place}\n" in vestibule.server.said()


async def test_a_frozen_endpoint_leaves_time_for_the_next(endpoint, proxy):
    a, b = endpoint("a"), endpoint("b")
    vestibule = proxy(listed(a, b), "connect_timeout: 8s")
    reached = await answers(vestibule)
    clients = [client for client, name in reached.items() if name == "b"]
    b.freeze()
    # TCP connects, as the kernel does that; TLS is never answered.
    assert set(await asyncio.gather(*map(vestibule.answer, clients))) == {"a"}
    assert vestibule.status() == {"up": 1, "ejected": 1}
    b.thaw()
    await until(vestibule, clients[0], "b")
    assert await answers(vestibule) == reached


async def test_nobody_is_refused_for_lack_of_hope(endpoint, proxy):
    a, b = endpoint("a"), endpoint("b")
    vestibule = proxy(listed(a, b))
    a.kill()
    b.kill()
    for client in CLIENTS[:8]:
        assert UNREACHABLE in await vestibule.answer(client)
    assert vestibule.status() == {"up": 0, "ejected": 2}
    a.start()
    b.start()
    # Not when their times are over: at once.
    assert set((await answers(vestibule, CLIENTS[:8])).values()) <= {"a", "b"}


async def test_connections_are_in_the_making_for_so_many_clients_at_once(proxy):
    held, most = set(), 0

    async def hold(_reader, writer):
        """TLS does not begin, until others have had time to come."""
        nonlocal most
        held.add(writer)
        most = max(most, len(held))
        await asyncio.sleep(0.1)
        held.remove(writer)
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        vestibule = proxy(f'endpoints: ["127.0.0.1:{port}"]', "max_connecting: 2")
        answered = await asyncio.gather(*map(vestibule.answer, CLIENTS))
    assert all(UNREACHABLE in answer for answer in answered)
    assert most == 2


async def test_a_gatekeeper_that_demands_a_certificate_gets_it(endpoint, proxy, tmp_path, authority):
    demanding = endpoint("a", demands=True)
    without = proxy(listed(demanding), folder="without")
    # In TLS 1.3 the gatekeeper's refusal may come after the handshake.
    assert "a from" not in await without.answered()
    folder = tmp_path / "with"
    folder.mkdir()
    issue(authority, folder, "provider.example", prefix="client-")
    certificate = "client_certificate: { chain: client-chain.pem, key: client-key.pem }"
    vestibule = proxy(listed(demanding), certificate, folder="with")
    assert await vestibule.answer() == "a"


async def test_an_endpoint_that_refuses_us_after_the_handshake_is_passed_over(endpoint, proxy):
    a, demanding = endpoint("a"), endpoint("b", demands=True)
    vestibule = proxy(listed(a, demanding))
    answered = [await vestibule.answer(client) for client in CLIENTS]
    told = [answer for answer in answered if answer != "a"]
    # Those whose endpoint it is, until the third failure, and who tries it later; all others have the other one.
    assert 3 <= len(told) < 8 and all(UNREACHABLE in answer for answer in told), told
    assert vestibule.status() == {"up": 1, "ejected": 1}
    # The alert, or the end where that overtakes it.
    connects = 'vestibule_upstream_connects_total{{host="{}",result="{}"}}'
    failed = [vestibule.metric(connects.format(SCRIPTED, result)) for result in ("tls", "unanswered")]
    assert sum(value or 0 for value in failed) == len(told)


async def test_external_is_refused_where_a_certificate_is_shown(endpoint, proxy, tmp_path, authority):
    offering = endpoint("external", demands=True)
    folder = tmp_path / "with"
    folder.mkdir()
    issue(authority, folder, "provider.example", prefix="client-")
    certificate = "client_certificate: { chain: client-chain.pem, key: client-key.pem }"
    vestibule = proxy(listed(offering), certificate, folder="with")
    answer = await vestibule.answered()
    assert "EXTERNAL" not in answer and "</stream:stream>" in answer
    said, code = vestibule.check()
    assert code == 1 and "failed: it offers EXTERNAL" in said
    assert f"no address of gatekeeper serves {SCRIPTED}" in said


HAPROXY = """\
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen streams
    bind 127.0.0.1:{port} ssl crt {folder}/haproxy.pem ca-file {folder}/authority.pem verify required alpn xmpp-client
    server gatekeeper 127.0.0.1:{server} ssl verify none sni str({host})
"""


async def test_haproxy_demands_a_certificate_before_prosody(
    gatekeeper, connect, proxy, tmp_path, authority, started
):
    folder = tmp_path / "vestibule"
    folder.mkdir()
    issue(authority, folder, GATEKEEPER, prefix="haproxy-")
    issue(authority, folder, "provider.example", prefix="client-")
    (folder / "haproxy.pem").write_bytes(
        (folder / "haproxy-chain.pem").read_bytes() + (folder / "haproxy-key.pem").read_bytes()
    )
    port = free_port()
    text = HAPROXY.format(port=port, folder=folder, server=gatekeeper.port, host=GATEKEEPER)
    (folder / "haproxy.cfg").write_text(text)
    haproxy = Server(["/usr/sbin/haproxy", "-db", "-f", folder / "haproxy.cfg"], folder / "haproxy.txt", [port])
    started.callback(haproxy.kill)
    vestibule = proxy(
        f'endpoints: ["127.0.0.1:{port}"]',
        "client_certificate: { chain: client-chain.pem, key: client-key.pem }",
        host=GATEKEEPER,
        server_name=GATEKEEPER,
    )
    alice = await connect("alice", at=vestibule.door)
    assert alice.boundjid.domain == GATEKEEPER


async def test_connections_come_from_the_configured_addresses_in_turn(endpoint, proxy):
    vestibule = proxy(listed(endpoint("a")), "source_addresses: [127.0.3.1, 127.0.3.2]")
    seen = [await vestibule.answered() for _ in range(4)]
    assert [text.split("from ")[1].split("'")[0] for text in seen] == ["127.0.3.1", "127.0.3.2"] * 2


async def test_a_source_address_of_another_machine_is_told(endpoint, proxy):
    vestibule = proxy(listed(endpoint("a")), "source_addresses: [192.0.2.77]")
    assert UNREACHABLE in await vestibule.answer()
    assert vestibule.metric(f'vestibule_upstream_connects_total{{host="{SCRIPTED}",result="source-address"}}') == 1
    # The endpoint has no part in it.
    assert vestibule.status() == {"up": 1, "ejected": 0}
    said, code = vestibule.check()
    assert code == 1 and "no source address could be used" in said


async def test_check_connect_tells_of_every_address_what_it_found(endpoint, proxy, authority, tmp_path):
    a, binding, dead = endpoint("a"), endpoint("binding"), endpoint("dead")
    dead.kill()
    vestibule = proxy(listed(a, binding, dead), "connect_timeout: 2s")
    said, code = vestibule.check()
    assert code == 0
    lines = {port: next(line for line in said.splitlines() if f"at 127.0.0.1:{port}: " in line) for port in
             (a.port, binding.port, dead.port)}
    assert "TLS 1.3, certificate until " in lines[a.port]
    assert "refused" in lines[dead.port]
    assert "    SASL: PLAIN; SASL2: none" in said
    # What is said first and last is how it ended.
    assert not said.startswith("ok") and "\nok\n" in said
    assert said.count("warning: it offers channel binding (-PLUS)") == 1


async def test_check_connect_fails_when_an_upstream_cannot_be_reached(endpoint, proxy, dns):
    dead = endpoint("dead")
    dead.kill()
    said, code = proxy(listed(dead)).check()
    assert code == 1 and "failed: no address of gatekeeper serves scripted.example" in said
    assert "\nok" not in f"\n{said}" and "\nfailed: not every host is served\n" in said
    dns.serve()
    said, code = proxy(f"srv: {SCRIPTED}", folder="srv", **by_srv(dns)).check()
    assert code == 1 and "DNS has no such record" in said


async def test_check_connect_tells_why_tls_fails(endpoint, proxy, authority, tmp_path):
    def told(name, *certificate, presented=None, **validity):
        server = endpoint(name)
        server.kill()
        issue(presented or authority, server.folder, *(certificate or [SCRIPTED]), **validity)
        server.start()
        said, code = proxy(listed(server), folder=f"before-{name}").check()
        assert code == 1, said
        return said

    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    assert "is not valid for `server_name`" in told("named", "other.example")
    assert "is signed by nobody in `roots`" in told("unknown", presented=trustme.CA())
    assert "has expired" in told("expired", not_before=now - 2 * day, not_after=now - day)
    assert "is not valid yet" in told("early", not_before=now + day)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_check_connect_tells_what_is_wrong_with_a_client_certificate(version, proxy, tmp_path, authority):
    folder = tmp_path / "stranger"
    folder.mkdir()
    issue(authority, folder, SCRIPTED, prefix="server-")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "authority.pem")
    context.maximum_version, context.verify_mode = version, ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "server-chain.pem", folder / "server-key.pem")

    def serve():
        # asyncio would hang up without its alert.
        while True:
            accepted, _ = listener.accept()
            with contextlib.suppress(OSError):
                context.wrap_socket(accepted, server_side=True)
            accepted.close()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    endpoints = f'endpoints: ["127.0.0.1:{listener.getsockname()[1]}"]'
    said, code = await asyncio.to_thread(proxy(endpoints).check)
    assert code == 1
    if version == ssl.TLSVersion.TLSv1_3:
        assert "demands a client certificate (alert `certificate_required`)" in said
    else:
        assert "ended the TLS handshake (alert `handshake_failure`)" in said
    issue(trustme.CA(), folder, "provider.example", prefix="client-")
    certificate = "client_certificate: { chain: client-chain.pem, key: client-key.pem }"
    said, code = await asyncio.to_thread(proxy(endpoints, certificate, folder="stranger").check)
    assert code == 1 and "refuses our client certificate (alert `unknown_ca`)" in said


async def test_check_connect_tells_what_is_not_tls(proxy):
    async def speak(_reader, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        await writer.drain()

    server = await asyncio.start_server(speak, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    said, code = await asyncio.to_thread(proxy(f'endpoints: ["127.0.0.1:{port}"]').check)
    assert code == 1 and "is not TLS" in said and "SSH" not in said
    server.close()
