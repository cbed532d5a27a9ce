"""Ports for servers that must know theirs beforehand."""

from __future__ import annotations

import socket

import pytest

from device.ports import loopback
from device.ports.loopback import BEYOND, FIRST, free_port


def test_no_port_is_given_twice_and_none_that_a_connection_may_have() -> None:
    found = [free_port() for _ in range(50)]
    assert len(set(found)) == 50
    assert all(FIRST <= port < BEYOND for port in found)


def test_a_port_on_which_somebody_listens_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = free_port(), free_port()
    with socket.socket() as server:
        server.bind(("127.0.0.1", taken))
        server.listen()
        monkeypatch.setattr(loopback, "_next", iter([taken, free]))
        assert free_port() == free
