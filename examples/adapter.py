"""A minimal adapter: registers, sends one message and prints the reply as it arrives.

Requires `pip install websockets`. Start the gateway first: `npx -y deno@2.9.6 task start`.
"""

import asyncio
import json
import sys
import uuid

import websockets


async def main(content: str, url: str = "ws://127.0.0.1:18789") -> None:
    async with websockets.connect(url) as ws:

        async def send(**frame: object) -> None:
            await ws.send(json.dumps(frame))

        await send(type="register", platform="example", node_id="example-1", capabilities=["streaming"])
        await send(
            type="message",
            request_id=str(uuid.uuid4()),
            user_id="example-user",
            channel_id="example-channel",
            content=content,
            attachments=[],
        )
        async for text in ws:
            frame = json.loads(text)
            if frame["type"] == "response_chunk":
                print(frame["content"], end="", flush=True)
            elif frame["type"] in ("response_end", "cancelled"):
                print()
                break
            elif frame["type"] == "error":
                sys.exit(f"{frame['code']}: {frame['message']}")


asyncio.run(main(" ".join(sys.argv[1:]) or "Hello Clara"))
