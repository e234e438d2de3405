"""Messages that are encrypted by Signal's own library, as the announcement has it: PQXDH and the double ratchet pass
Vestibule unchanged, to Prosody and to the sandbox's gatekeeper. The library is under the AGPL; it runs in processes of
Node.js that do nothing else (`node/signal/`), and nothing of it is linked or shipped."""

import base64
import itertools

import pytest
import pytest_asyncio

from enlistment import enlist
from names import PASSWORD, SASL2
from node_client import NodeClient
from sandbox import Sandbox

USERS = {f"{name}@provider.example": PASSWORD for name in ("ann", "ben")}
USER_AGENTS = (f"00000000-0000-4000-8000-{number:012}" for number in itertools.count())


class SignalClient(NodeClient):
    """The same with encryption."""

    SCRIPT = NodeClient.SCRIPT.parent / "signal/client.mjs"

    @classmethod
    async def online(cls, door, jid, password):
        client = await cls.start(door, jid, password, "signal", (next(USER_AGENTS), "Signal"))
        client.jid = await client.told("online")
        return client

    async def bundle(self):
        await self._tell(bundle=True)
        return await self.told("bundle")

    async def know(self, jid, bundle):
        await self._tell(know=jid, bundle=bundle)
        await self.told("known")

    async def write(self, to, text, **how):
        """Returns the event of what has left: kind and ciphertext."""
        await self._tell(to=to.jid, text=text, **how)
        while "sent" not in (event := await self.event()):
            assert "refused" not in event, event
        return event

    async def read(self):
        """The event of what has come: ciphertext, and text if it can be decrypted."""
        while "received" not in (event := await self.event()):
            assert "refused" not in event, event
        return event


@pytest_asyncio.fixture
async def online():
    clients = []

    async def online(door, jid, password):
        clients.append(await SignalClient.online(door, jid, password))
        return clients[-1]

    yield online
    for client in clients:
        await client.leave()


@pytest.fixture
def sandbox(tmp_path, authority):
    sandbox = Sandbox(tmp_path, authority, USERS)
    yield sandbox
    sandbox.stop()


async def exchange(writer, reader, text, kind):
    """What is written is read, and the bytes between them are the same."""
    sent = await writer.write(reader, text)
    received = await reader.read()
    assert (received["text"], received["kind"], sent["kind"]) == (text, kind, kind)
    assert base64.b64decode(received["received"], validate=True) == base64.b64decode(sent["sent"], validate=True)
    assert text not in sent["sent"]


async def converse(ann, ben):
    await ann.know(ben.jid, await ben.bundle())
    # Until it is answered, each message begins the session.
    await exchange(ann, ben, "Fish & chips at eight?", "pre-key")
    await exchange(ann, ben, "\U0001f41f > \U0001f354", "pre-key")
    await exchange(ben, ann, "Half past", "message")
    for number in range(10):
        await exchange(ann, ben, f"question {number}", "message")
        await exchange(ben, ann, f"answer {number}" * 100, "message")
    await ann.write(ben, "Do not believe everything", changed=True)
    assert "unreadable" in await ben.read()
    await exchange(ann, ben, "This one again", "message")


@pytest.mark.usefixtures("vestibule")
async def test_signals_messages_pass_to_prosody_unchanged(door_to, accounts, online):
    ann, ben = [await online(door_to(SASL2), accounts.jid(name, SASL2), PASSWORD) for name in ("ann", "ben")]
    await converse(ann, ben)


async def test_signals_messages_pass_to_the_sandboxs_gatekeeper_unchanged(sandbox, online):
    ann, ben = [await online(sandbox.door, *enlist(sandbox, user)) for user in USERS]
    await converse(ann, ben)
