from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from device.domain.port import TcpAddress
from device.errors import DeviceGone
from device.ports import tcp
from device.ports.opening import open_port
from device.ports.tcp import TcpPort


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening


def address(server: socket.socket, host: str = "127.0.0.1") -> TcpAddress:
    return TcpAddress(host, server.getsockname()[1])


async def connected(server: socket.socket) -> tuple[TcpPort, socket.socket]:
    port = await open_port("r", address(server), 0)
    assert isinstance(port, TcpPort)
    return port, server.accept()[0]


def fill(port: TcpPort) -> None:
    for _ in range(100_000):
        port.write(b"x" * 1000)


async def readable(port: TcpPort) -> None:
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(port.fileno(), arrived.set)
    async with asyncio.timeout(30):
        await arrived.wait()
    loop.remove_reader(port.fileno())


async def test_bytes_go_both_ways(server: socket.socket) -> None:
    port, peer = await connected(server)
    assert port.read() == b""
    peer.sendall(b"\xbb\x01")
    await readable(port)
    assert port.read() == b"\xbb\x01"
    port.write(b"\xbb\x00")
    assert peer.recv(10) == b"\xbb\x00"
    port.close()
    peer.close()


async def test_a_peer_without_power_would_be_noticed_within_ten_seconds(server: socket.socket) -> None:
    port, peer = await connected(server)
    with socket.socket(fileno=os.dup(port.fileno())) as ours:
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, probes, unacknowledged_ms = (
            ours.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        )
    assert idle + interval * probes <= 10
    assert unacknowledged_ms <= 10_000
    port.close()
    peer.close()


async def test_a_name_is_resolved(server: socket.socket) -> None:
    port = await open_port("r", address(server, "localhost"), 0)
    port.close()


async def test_a_closed_connection_is_gone(server: socket.socket) -> None:
    port, peer = await connected(server)
    peer.close()
    await readable(port)
    with pytest.raises(DeviceGone, match="closed the connection"):
        port.read()
    port.close()


async def test_nobody_listening_is_gone_at_once(server: socket.socket) -> None:
    where = address(server)
    server.close()
    with pytest.raises(DeviceGone, match="refused"):
        await open_port("r", where, 0)


async def test_a_host_that_does_not_answer_is_gone_after_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CONNECT_S", 0.2)
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)  # its queue holds one connection; further ones are not answered
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        with pytest.raises(DeviceGone, match="does not answer"):
            await open_port("r", TcpAddress(*deaf.getsockname()), 0)


async def test_a_peer_that_reads_nothing_is_gone_once_its_buffers_are_full(server: socket.socket) -> None:
    port, peer = await connected(server)
    with pytest.raises(DeviceGone, match="takes no more bytes"):
        fill(port)
    port.close()
    peer.close()


async def test_an_unknown_host_is_gone() -> None:
    with pytest.raises(DeviceGone, match=r"tcp:no\.such\.host\.invalid:1"):
        await open_port("r", TcpAddress("no.such.host.invalid", 1), 0)
