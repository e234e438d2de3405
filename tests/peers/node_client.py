"""A client on @xmpp/client, which speaks SASL2 and Bind 2: a process of Node.js that is told what to do (`node/`)."""

import asyncio
import json
import os
from pathlib import Path

from names import DEADLINE

SCRIPT = Path(__file__).parent / "node/client.mjs"


class NodeClient:
    def __init__(self, process):
        self.process = process

    @classmethod
    async def start(cls, door, jid, password, resource, user_agent):
        """Starts to log in; what comes of it is the first event. `user_agent` is an id and the software's name."""
        process = await asyncio.create_subprocess_exec(
            "node",
            SCRIPT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"NODE_EXTRA_CA_CERTS": str(door.authority)},
        )
        client = cls(process)
        user, domain = jid.split("@")
        identifier, software = user_agent
        await client._tell(
            port=door.port,
            serverName=door.server_name,
            domain=domain,
            username=user,
            password=password,
            resource=resource,
            userAgent={"id": identifier, "software": software},
        )
        return client

    async def event(self):
        """What it says next."""
        async with asyncio.timeout(DEADLINE):
            return json.loads(await self.process.stdout.readline())

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
