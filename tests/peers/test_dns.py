"""How DNS names the endpoints of a gatekeeper."""

import asyncio

from names import DEADLINE, GATEKEEPER, SCRIPTED
from process import free_port
from upstreams import CLIENTS, UNREACHABLE, answers, by_srv, until


async def test_srv_records_say_who_is_first_and_how_much_each_takes(endpoint, proxy, dns):
    a, b, spare = endpoint("a"), endpoint("b"), endpoint("spare")
    hosts = [f"host-record={name}.{SCRIPTED},127.0.0.1" for name in "abs"]
    records = [
        dns.srv(f"a.{SCRIPTED}", a.port, 10, 90),
        dns.srv(f"b.{SCRIPTED}", b.port, 10, 10),
        dns.srv(f"s.{SCRIPTED}", spare.port, 20, 65_535),
    ]
    dns.serve(*hosts, *records)
    vestibule = proxy(f"srv: {SCRIPTED}", **by_srv(dns))
    reached = list((await answers(vestibule, [f"127.0.2.{number}" for number in range(1, 101)])).values())
    assert "spare" not in reached
    assert 75 <= reached.count("a") < 100
    a.kill()
    b.kill()
    assert await vestibule.answer(CLIENTS[0]) == "spare"


async def test_an_endpoint_that_moves_is_followed_and_a_dead_dns_server_stops_nobody(endpoint, proxy, dns):
    a, b = endpoint("a"), endpoint("b")
    dns.serve(f"host-record=one.{SCRIPTED},127.0.0.1", dns.srv(f"one.{SCRIPTED}", a.port))
    vestibule = proxy(f"srv: {SCRIPTED}", **by_srv(dns))
    assert await vestibule.answer() == "a"
    dns.serve(f"host-record=one.{SCRIPTED},127.0.0.1", dns.srv(f"one.{SCRIPTED}", b.port))
    await until(vestibule, CLIENTS[0], "b")
    dns.stop()
    # Longer than the answer's TTL of a second: it is asked for again, and nobody answers.
    await asyncio.sleep(1.2)
    for client in CLIENTS[:3]:
        assert await vestibule.answer(client) == "b"


async def test_a_service_that_there_is_not_is_not_looked_for_elsewhere(endpoint, proxy, dns):
    endpoint("a")
    for lines in [[], [dns.srv("", 0)]]:
        dns.serve(f"host-record={SCRIPTED},127.0.0.1", *lines)
        vestibule = proxy(f"srv: {SCRIPTED}", folder=f"vestibule{len(lines)}", **by_srv(dns))
        assert UNREACHABLE in await vestibule.answer()
        assert vestibule.metric(f'vestibule_upstream_connects_total{{host="{SCRIPTED}",result="unresolved"}}') == 1


async def test_a_service_that_dns_takes_back_is_not_used_any_more(endpoint, proxy, dns):
    host = f"host-record=one.{SCRIPTED},127.0.0.1"
    dns.serve(host, dns.srv(f"one.{SCRIPTED}", endpoint("a").port))
    vestibule = proxy(f"srv: {SCRIPTED}", **by_srv(dns))
    assert await vestibule.answer() == "a"
    dns.serve(host)
    async with asyncio.timeout(DEADLINE):
        while UNREACHABLE not in await vestibule.answer():
            await asyncio.sleep(0.2)


async def test_for_starttls_its_own_service_is_asked_for(gatekeeper, connect, proxy, dns):
    dns.serve(
        f"host-record=one.{SCRIPTED},127.0.0.1",
        dns.srv(f"one.{SCRIPTED}", gatekeeper.plain_port, service="_xmpp-client"),
        # Nobody listens there.
        dns.srv(f"one.{SCRIPTED}", free_port()),
    )
    vestibule = proxy(
        f"srv: {SCRIPTED}", "transport: starttls", host=GATEKEEPER, server_name=GATEKEEPER, **by_srv(dns)
    )
    alice = await connect("alice", at=vestibule.door)
    assert alice.boundjid.domain == GATEKEEPER


async def test_the_addresses_of_both_families_are_used(endpoint, proxy, dns):
    four = endpoint("four")
    endpoint("six", address="::1", port=four.port)
    dns.serve(f"host-record=both.{SCRIPTED},127.0.0.1,::1", dns.srv(f"both.{SCRIPTED}", four.port))
    vestibule = proxy(f"srv: {SCRIPTED}", **by_srv(dns))
    assert set((await answers(vestibule)).values()) == {"four", "six"}
    four.kill()
    assert set((await answers(vestibule)).values()) == {"six"}


async def test_search_domains_are_for_names_without_a_dot(endpoint, proxy, dns):
    a = endpoint("a")
    dns.move_to_the_usual_port()
    search = f"search.{SCRIPTED}"
    dns.serve(*(f"host-record={name}.{search},127.0.0.1" for name in ("bare", f"dotted.{SCRIPTED}")))
    resolv_conf = f"nameserver {dns.address}\nsearch {search}\n"
    for name, reached in [("bare", True), (f"dotted.{SCRIPTED}", False)]:
        vestibule = proxy(f'endpoints: ["{name}:{a.port}"]', folder=name, resolv_conf=resolv_conf)
        answer = await vestibule.answer()
        assert answer == "a" if reached else UNREACHABLE in answer
