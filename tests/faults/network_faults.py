"""Faults of the network between serve, ingest and their servers: rows 24-26 of the table.

They need a network namespace of their own (faults.py makes one): rules for the ports of Kafka and the database on its lo.
"""

from __future__ import annotations

import subprocess
import time

from world import Fault, World

FOR_S = 6


def _run(command: str) -> None:
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def _with_rule(world: World, rule: str) -> None:
    ports = f"{{ {world.kafka.port}, {world.database.port} }}"
    _run("nft add table inet faults")
    try:
        _run("nft 'add chain inet faults input { type filter hook input priority 0; }'")
        for direction in ("dport", "sport"):
            _run(f"nft 'add rule inet faults input tcp {direction} {ports} {rule}'")
        time.sleep(FOR_S)
    finally:
        _run("nft delete table inet faults")


def lose_packets(world: World) -> None:
    _with_rule(world, "numgen random mod 100 < 5 drop")


def reset(world: World) -> None:
    _with_rule(world, "numgen random mod 100 < 2 reject with tcp reset")


def slow(world: World) -> None:
    """1 Mbit/s for all that goes to or comes from the two servers."""
    _run("tc qdisc add dev lo root handle 1: htb default 10")
    try:
        _run("tc class add dev lo parent 1: classid 1:10 htb rate 10gbit")
        _run("tc class add dev lo parent 1: classid 1:20 htb rate 1mbit burst 32k")
        for port in (world.kafka.port, world.database.port):
            for direction in ("sport", "dport"):
                _run(f"tc filter add dev lo parent 1: protocol ip u32 match ip {direction} {port} 0xffff flowid 1:20")
        time.sleep(FOR_S)
    finally:
        _run("tc qdisc del dev lo root")


FAULTS = [
    Fault("24", "5 % of the packets are lost", "network", 3, lose_packets),
    Fault("25", "connections are reset", "network", 3, reset),
    Fault("26", "1 Mbit/s", "network", 3, slow),
]
