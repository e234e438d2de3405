"""Enforcement through a long run of random messages, cuts and resumptions: every stanza arrives once, in order, as it
should be, and the two ends of stream management (XEP-0198) agree on every counter. Vestibule edits one for one.
"""

import os
import random
from xml.etree.ElementTree import fromstring

import pytest

from content import KINDS
from names import ENFORCING
from process import eventually
from resumption import connect_resumable, lose, resume

COUNTERS = "urn:x-vestibule:test:counters"

pytestmark = pytest.mark.usefixtures("enforcing_vestibule")


class Conversation:
    """What two clients send each other at random, in the order in which it must arrive."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        # Receiver, identifier and kind of each stanza.
        self.sent = []

    def say(self, sender, receiver, most):
        """Sends up to so many messages and waits for none."""
        for _ in range(self.random.randint(1, most)):
            kind = self.random.choice(list(KINDS.values()))
            identifier = f"m{len(self.sent)}"
            self.sent.append((receiver, identifier, kind))
            sender.send(_stanza(sender, kind.message(identifier, receiver.boundjid)))

    async def lose_and_resume(self, alice, bob):
        """Cuts Alice's connection at some moment; Bob does not know and goes on."""
        for _ in range(self.random.randrange(4)):
            self.say(*self.random.choice([(alice, bob), (bob, alice)]), most=6)
        await lose(alice)
        self.say(bob, alice, most=6)
        await resume(alice)

    async def arrives(self, receiver, check):
        """Everything for the receiver has arrived, or does now, and nothing more than that."""
        for _, identifier, kind in [sent for sent in self.sent if sent[0] is receiver]:
            message = await receiver.message()
            assert message["id"] == identifier
            if check:
                kind.check(message.xml)
        await receiver.round_trip()
        assert receiver.messages.empty()


def _stanza(client, text):
    """A stanza that the client's stream management knows of: raw text would not be sent again."""
    return client.Message(xml=fromstring(text.replace("<message ", "<message xmlns='jabber:client' ", 1)))


async def counters_agree(client):
    """Asks the server for its counters, and compares those of the client."""
    management = client.plugin["xep_0198"]
    answer = await client.request(f"<counters xmlns='{COUNTERS}'/>")
    counted = answer.xml.find(f"{{{COUNTERS}}}counters")
    # The client has sent the question, and has handled one stanza more by now: the answer.
    assert (int(counted.get("handled")), int(counted.get("sent"))) == (management.seq, management.handled - 1)
    management.request_ack()
    await eventually(lambda: not management.unacked_queue and management.last_ack == management.seq)


async def test_no_stanza_is_lost_or_doubled_or_miscounted(connect, gatekeeper):
    seed = int(os.environ.get("PEERS_SEED", random.randrange(2**32)))
    print(f"PEERS_SEED={seed} repeats this run")
    conversation = Conversation(seed)
    alice = await connect_resumable(connect, "alice", host=ENFORCING)
    bob = await connect_resumable(connect, "bob", host=ENFORCING, at=gatekeeper.door)
    full, cuts = alice.boundjid.full, 0
    while len(conversation.sent) < 400:
        if conversation.random.random() < 0.5:
            conversation.say(alice, bob, most=12)
            conversation.say(bob, alice, most=12)
            await conversation.random.choice([alice, bob]).round_trip()
        else:
            await conversation.lose_and_resume(alice, bob)
            cuts += 1
    assert cuts and alice.boundjid.full == full
    await conversation.arrives(alice, check=True)
    await conversation.arrives(bob, check=False)
    for client in [alice, bob]:
        await counters_agree(client)
