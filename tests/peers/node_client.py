"""A client on @xmpp/client, which speaks SASL2, Bind 2, inline resumption and FAST: a process of Node.js that is told what to do (`node/`)."""

import asyncio
import json
import os
from pathlib import Path

from names import DEADLINE


class NodeClient:
    SCRIPT = Path(__file__).parent / "node/client.mjs"

    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, door, jid, password, resource, user_agent, **fast):
        """Starts to log in; what comes of it is the first event. `user_agent` is an id and the software's name. With
        `token=None` it tells the tokens that it is given, and with one of them in its place it shows that one."""
        process = await asyncio.create_subprocess_exec(
            "node",
            cls.SCRIPT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"NODE_EXTRA_CA_CERTS": str(door.authority)},
        )
        client = cls(process)
        user, domain = jid.split("@")
        identifier, software = user_agent
        await client._tell(
            port=door.port,
            starttls=door.starttls,
            serverName=door.server_name,
            domain=domain,
            username=user,
            password=password,
            resource=resource,
            userAgent={"id": identifier, "software": software},
            **fast,
        )
        return client

    async def event(self):
        """What it says next."""
        async with asyncio.timeout(DEADLINE):
            return json.loads(await self.process.stdout.readline())

    async def told(self, what):
        """The next event of a kind, after others."""
        while what not in (event := await self.event()):
            assert "refused" not in event, event
        return event[what]

    async def cut(self):
        """Loses the connection, and comes back by itself."""
        await self._tell(cut=True)

    async def message(self, to, body):
        await self._tell(to=to, body=body)

    async def _tell(self, **words):
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        await self.process.stdin.drain()

    async def leave(self):
        """Closes its stream and waits until the process has ended."""
        self.process.stdin.close()
        try:
            async with asyncio.timeout(DEADLINE):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            raise
