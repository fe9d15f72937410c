"""The reference: a plain loop of pymodbus's client for each device, orjson, paho at QoS 1. Nothing is kept on disk."""

import asyncio
import time

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import AsyncModbusTcpClient


async def poll(number: int, port: int, broker: paho.Client, counted: list[int]) -> None:
    """Read one device as fast as it answers and publish each answer."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port, reconnect_delay=0)
    await client.connect()
    topic = f"bench/data/d{number}"
    while counted[0] >= 0:
        answer = await client.read_holding_registers(0, count=40, device_id=1)
        message = {"at": time.time(), "device": f"d{number}", "values": answer.registers}
        broker.publish(topic, orjson.dumps(message), qos=1)
        counted[0] += 1
    client.close()


async def run(devices: int, port: int, mqtt_port: int, seconds: float) -> dict[str, float]:
    """Figures of `seconds` of polling, after a second to warm up."""
    broker = paho.Client(CallbackAPIVersion.VERSION2, "reference")
    broker.max_inflight_messages_set(60_000)  # what waits for the broker waits in paho's queue, without bound
    broker.connect("127.0.0.1", mqtt_port)
    broker.loop_start()
    counted = [0]
    tasks = [asyncio.create_task(poll(number, port, broker, counted)) for number in range(devices)]
    await asyncio.sleep(1)
    polls, wall, cpu = counted[0], time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    polls, wall, cpu = counted[0] - polls, time.perf_counter() - wall, time.process_time() - cpu
    counted[0] = -(1 << 40)  # the tasks end
    await asyncio.gather(*tasks)
    broker.disconnect()
    broker.loop_stop()
    return {"polls": polls, "wall": wall, "cpu": cpu}
