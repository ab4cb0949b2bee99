"""Opens websockets and lets them wait: each line of its input says how many more.

`startup.py` looks at the server when all are open.
"""

import asyncio
import sys

from websockets.asyncio.client import connect


async def main(port: str) -> None:
    loop = asyncio.get_running_loop()
    connections = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        for _ in range(int(line)):
            url = f"ws://127.0.0.1:{port}/echo"
            connections.append(await connect(url, ping_interval=None, open_timeout=30))
        await asyncio.sleep(0.5)
        print("open", flush=True)
    await asyncio.gather(*(connection.close() for connection in connections))


asyncio.run(main(sys.argv[1]))
