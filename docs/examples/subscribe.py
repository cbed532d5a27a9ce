import asyncio
import sys

import aiomqtt


async def main() -> None:
    async with aiomqtt.Client("127.0.0.1", 1883) as broker:
        await broker.subscribe("smartstore/+/event/#", qos=1)
        async for message in broker.messages:
            print(str(message.payload, "utf-8"), flush=True)


sys.excepthook = lambda kind, error, _: kind is KeyboardInterrupt or print(f"ended by {kind.__name__} {error}", file=sys.stderr)
asyncio.run(main())
