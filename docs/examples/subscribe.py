import asyncio

import aiomqtt


async def main() -> None:
    async with aiomqtt.Client("127.0.0.1", 1883) as broker:
        await broker.subscribe("smartstore/+/event/#", qos=1)
        async for message in broker.messages:
            print(str(message.payload, "utf-8"), flush=True)


try:
    asyncio.run(main())
except (KeyboardInterrupt, aiomqtt.MqttError) as end:
    raise SystemExit(str(end)) from None
