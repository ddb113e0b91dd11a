"""Faults of Kafka: rows 18-23 and 30 of the table."""

from __future__ import annotations

import os
import random
import socket
import struct
import time

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from world import FAULTS_BUILD, Fault, World

API_VERSION = (2, 6, 0)
OF_THE_TOPIC = 1  # the source of a setting that is the topic's own, as DescribeConfigs tells it


def kill(world: World) -> None:
    world.kafka.kill9()
    time.sleep(3)
    world.kafka.start()


def restart(world: World) -> None:
    world.kafka.restart()


def refuse_writes(world: World) -> None:
    """The broker answers every produce request with MESSAGE_TOO_LARGE."""
    refused = world.metric("tipster_kafka_records_failed_total")
    _configure(world, {"max.message.bytes": "100"})
    try:
        world.wait(lambda: world.metric("tipster_kafka_records_failed_total") > refused, 20, "records that Kafka refuses")
    finally:
        _configure(world, {"max.message.bytes": "1048588"})


def _configure(world: World, settings: dict[str, str]) -> None:
    """Sets some settings of the topics. The request sets all of them at once, so those that a topic has go along."""
    admin = KafkaAdminClient(bootstrap_servers=world.kafka.bootstrap, api_version=API_VERSION)
    try:
        answers = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic) for topic in world.app.topics()])
        own = {resource[3]: {entry[0]: entry[1] for entry in resource[4] if entry[3] == OF_THE_TOPIC}
               for answer in answers for resource in answer.resources}
        assert all("message.timestamp.type" in values for values in own.values()), own  # migrate sets it
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={**values, **settings})
                             for topic, values in own.items()])
    finally:
        admin.close()


def late(world: World) -> None:
    """Acknowledgements come late, some after the request's time is over: clients send again, duplicates are absorbed."""
    for seconds in (0.5, 1.2, 2.5):
        world.kafka.pause()
        time.sleep(seconds)
        world.kafka.resume()
        time.sleep(0.5)


def fatal(world: World) -> None:
    """Each new worker's producer fails for good after some records; serve makes another in its place."""
    serve = world.app.serve
    serve.env["TIPSTER_FAULT"] = "producer-fatal:400"
    try:
        serve.restart()
        world.wait(lambda: world.metric("tipster_kafka_producer_replaced_total") > 0, 60, "a producer to be replaced")
    finally:
        del serve.env["TIPSTER_FAULT"]  # counts from the next start on


def truncate(world: World) -> None:
    """Records that were never read are deleted from the topics: ingest must say so and stop, never go on behind the gap."""
    world.app.ingest.stop()
    behind = world.app.behind()
    world.wait(lambda: world.app.behind() > behind + 200, 30, "unread records")
    world.load.stop()
    _delete_records(world)
    world.app.ingest.start()
    world.wait(lambda: not world.app.ingest.running(), 60, "ingest to stop before the gap")
    assert "records are missing" in world.app.ingest.log.read_text(errors="replace")
    assert world.app.ingest.child.returncode == 1


def _delete_records(world: World) -> None:
    """DeleteRecords (key 21, version 0) of every partition up to its end."""
    ends = world.app.ends()

    def text(value: str) -> bytes:
        return struct.pack(">h", len(value)) + value.encode()

    body = struct.pack(">i", len(world.app.topics()))
    for topic in world.app.topics():
        partitions = sorted((number, end) for (name, number), end in ends.items() if name == topic)
        body += text(topic) + struct.pack(">i", len(partitions)) + b"".join(struct.pack(">iq", *pair) for pair in partitions)
    request = struct.pack(">hhi", 21, 0, 7) + text("faults") + body + struct.pack(">i", 10000)
    with socket.create_connection(("127.0.0.1", world.kafka.port), timeout=15) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        assert connection.recv(4), "Kafka closes the connection"


def poison(world: World) -> None:
    """Garbage in the topics, of no company: it stands in `rejected` afterwards, and ingest goes on."""
    before = _poisoned(world)
    producer = KafkaProducer(bootstrap_servers=world.kafka.bootstrap, api_version=API_VERSION)
    values = [b"", b"{", b"\x00" * 50, b"null", os.urandom(300), b'{"coupon_id":"x"}', b"[" * 100, "{}".encode("utf-16")]
    sent = 0
    for topic in world.app.topics():
        for value in values:
            headers = random.choice([[], [("kind", b"put")], [("company", os.urandom(40)), ("kind", b"what")]])
            producer.send(topic, key=random.choice([None, b"", b"k\x00", os.urandom(9)]), value=value, headers=headers)
            sent += 1
    producer.flush(20)
    producer.close()
    world.wait(lambda: _poisoned(world) == before + sent, 60, f"{sent} records of garbage in `rejected`")


def _poisoned(world: World) -> int:
    return int(world.rows("select count(*) from rejected where company_id = ''")[0][0])


FAULTS = [
    Fault("18", "the broker dies", "kafka", 3, kill),
    Fault("19", "the broker refuses to write", "kafka", 3, refuse_writes, short=True,
          note="MESSAGE_TOO_LARGE from the real broker, in place of a mock's error stack"),
    Fault("20", "acknowledgements come late", "kafka", 3, late, note="the real broker is stopped and continued"),
    Fault("21", "the broker restarts", "kafka", 3, restart, note="one broker: its partitions' leader goes and comes back"),
    Fault("22", "the producer fails for good", "api", 2, fatal, short=True, options={"build_dir": FAULTS_BUILD}),
    Fault("23", "unread records are gone from the topics", "kafka", 1, truncate, mixed=False, options={"lost_is_expected": True},
          note="ingest halts by design: what is gone cannot be stored"),
    Fault("30", "poison records", "kafka", 3, poison, short=True),
]
