import asyncio
import json

import aiomqtt


async def main() -> None:
    async with aiomqtt.Client("127.0.0.1", 1883) as broker:
        await broker.subscribe("smartstore/+/event/#", qos=1)
        async for message in broker.messages:
            event = json.loads(message.payload)
            print(event["seq"], event["type"], event["subject"], event["data"], flush=True)


asyncio.run(main())
