"""Messages arrive as they were sent: their ids, and any content that XML can write, in either direction."""

import asyncio

import pytest

# Bodies as they are written on the wire, and what they mean.
SPELLINGS = {
    "predefined entities": ("&lt;b&gt; &amp; &quot;q&quot; &apos;a&apos;", "<b> & \"q\" 'a'"),
    "character references": ("&#65;&#x1F600;&#10;", "A\U0001f600\n"),
    "CDATA": ("<![CDATA[<a> & ]] > </body>]]>", "<a> & ]] > </body>"),
    "CDATA beside text": ("one<![CDATA[ & ]]>two", "one & two"),
}

# Bodies that mean what is written.
TEXTS = {
    "plain": "hello",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1ea\U0001f1fa",
    "CJK": "\u4f60\u597d \u3053\u3093\u306b\u3061\u306f \uc548\ub155",
    "right to left": "\u0645\u0631\u062d\u0628\u0627 \u200f\u05e9\u05dc\u05d5\u05dd",
    "line breaks and tabs": "one\n\ttwo  three",
}

CONTENTS = SPELLINGS | {name: (text, text) for name, text in TEXTS.items()}


@pytest.mark.parametrize("written, meant", CONTENTS.values(), ids=CONTENTS.keys())
async def test_the_body_that_arrives_is_the_body_that_was_sent(connect, written, meant):
    alice, bob = await connect("alice"), await connect("bob")
    alice.send_raw(f"<message to='{bob.boundjid}' type='chat' id='odd-1'><body>{written}</body></message>")
    received = await bob.message()
    assert (received["id"], received["from"], received["body"]) == ("odd-1", alice.boundjid, meant)


async def test_a_conversation_keeps_its_order_and_its_ids_both_ways(connect):
    alice, bob = await connect("alice"), await connect("bob")
    for sender, receiver in [(alice, bob), (bob, alice)] * 10:
        sent = sender.make_message(mto=receiver.boundjid, mbody="turn", mtype="chat")
        sent["id"] = sender.new_id()
        sent.send()
        received = await receiver.message()
        assert (received["id"], received["body"], received["from"]) == (sent["id"], "turn", sender.boundjid)


async def test_messages_sent_at_once_arrive_in_order(connect):
    alice, bob = await connect("alice"), await connect("bob")
    numbers = [str(number) for number in range(500)]
    for number in numbers:
        alice.send_message(mto=bob.boundjid, mbody=number, mtype="chat")
    assert [(await bob.message())["body"] for _ in numbers] == numbers


async def test_elements_that_no_one_declared_to_the_proxy_pass(connect):
    alice, bob = await connect("alice"), await connect("bob")
    payload = (
        "<x:envelope xmlns:x='urn:example:e2ee' x:device='7'><x:payload>b2s=</x:payload>"
        "<nothing xmlns=''/></x:envelope>"
    )
    alice.send_raw(f"<message to='{bob.boundjid}' id='encrypted'>{payload}</message>")
    envelope = (await bob.message()).xml.find("{urn:example:e2ee}envelope")
    assert envelope.get("{urn:example:e2ee}device") == "7"
    assert [child.tag for child in envelope] == ["{urn:example:e2ee}payload", "nothing"]
    assert envelope[0].text == "b2s="


async def test_a_stanza_of_200_kilobytes_passes_whole(connect):
    alice, bob = await connect("alice"), await connect("bob")
    # No period that a buffer's size could divide, so that a block lost or doubled would show.
    body = " ".join(str(number) for number in range(35_000))[:200_000]
    alice.send_message(mto=bob.boundjid, mbody=body, mtype="chat")
    assert (await bob.message())["body"] == body


async def test_large_stanzas_both_ways_at_once_do_not_block_each_other(connect):
    alice, bob = await connect("alice"), await connect("bob")
    body = "0123456789" * 10_000
    for _ in range(10):
        alice.send_message(mto=bob.boundjid, mbody=body, mtype="chat")
        bob.send_message(mto=alice.boundjid, mbody=body, mtype="chat")
    received = await asyncio.gather(*(client.message() for client in [alice, bob] for _ in range(10)))
    assert all(message["body"] == body for message in received)


async def test_a_message_to_nobody_comes_back_as_an_error_with_its_id(connect):
    alice = await connect("alice")
    sent = alice.make_message(mto=f"nobody@{alice.boundjid.host}", mbody="anyone?", mtype="chat")
    sent["id"] = "to-nobody"
    sent.send()
    answer = await alice.message()
    assert (answer["type"], answer["id"], answer["error"]["condition"]) == (
        "error",
        "to-nobody",
        "service-unavailable",
    )
