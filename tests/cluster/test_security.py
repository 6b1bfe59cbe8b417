"""Workers started here take no order from anyone but the run that started them; web pages answer to loopback alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import psutil
import pytest
from distributed import Client
from distributed.security import Security

from screening.cluster.client import open_client
from screening.cluster.dispatch import _tell_security
from screening.cluster.host_check import LOOPBACK, _is_loopback
from screening.cluster.progress import Progress
from screening.config import Config, read_config
from screening.host.gpu import Device

ON_CPU = Device("cpu", "cpu, in a test")
ONE = read_config(None, {"cluster": {"workers": 1}})


@pytest.fixture(scope="module")
def run() -> Iterator[Client]:
    """What a run with the default settings starts, with one worker."""
    with open_client(ONE, ON_CPU) as client:
        yield client


def said(client: Client, config: Config) -> list[str]:
    lines: list[str] = []
    progress = Progress()
    progress.subscribe(lambda _, event: lines.append(event.text))
    _tell_security(client, config, progress)
    return lines


def test_the_scheduler_speaks_tls_alone(run: Client) -> None:
    address = str(run.scheduler_info(n_workers=-1)["address"])
    assert address.startswith("tls://127.0.0.1:")
    assert run.submit(sum, [1, 2]).result(timeout=60) == 3
    assert said(run, ONE) == []
    plain = address.replace("tls://", "tcp://")
    with pytest.raises((OSError, TimeoutError)):
        Client(plain, timeout=3)
    with pytest.raises((OSError, TimeoutError)):  # another user of this machine with keys of their own
        Client(address, timeout=3, security=Security.temporary())
    assert run.submit(sum, [1, 2, 3]).result(timeout=60) == 6


def test_everything_listens_on_loopback(run: Client) -> None:
    run.submit(sum, [1]).result(timeout=60)
    here = psutil.Process()
    hosts = {
        found.laddr.ip
        for process in [here, *here.children(recursive=True)]
        for found in process.net_connections(kind="inet")
        if found.status == psutil.CONN_LISTEN
    }
    assert hosts == {"127.0.0.1"}


def answer(port: int, *lines: str, path: str = "/health") -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join([f"GET {path} HTTP/1.1", *lines, "Connection: close", "", ""]).encode())
        found = b""
        while part := connection.recv(65536):
            found += part
    return found.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Host: 127.0.0.1:{port}"], b"200"),
        (["Host: localhost"], b"200"),
        (["Host: [::1]:{port}"], b"200"),
        (["Host: attacker.example:{port}"], b"421"),
        (["Host: 127.0.0.1.attacker.example"], b"421"),
        (["Host: localhost@attacker.example"], b"421"),
        (["Host: "], b"421"),
    ],
)
def test_pages_answer_to_the_names_of_this_machine(run: Client, lines: list[str], status: bytes) -> None:
    port = run.scheduler_info(n_workers=-1)["services"]["dashboard"]
    assert answer(port, *(line.format(port=port) for line in lines)).split()[1] == status


def test_two_hosts_or_none_are_no_name_of_this_machine() -> None:
    assert not _is_loopback([])
    assert not _is_loopback(["127.0.0.1", "attacker.example"])
    assert not _is_loopback(["[::1"])
    assert all(_is_loopback([f"[{name}]" if ":" in name else name]) for name in LOOPBACK)


def test_a_scheduler_without_protection_is_said_once(scheduler: str) -> None:
    config = read_config(None, {"cluster": {"scheduler": scheduler}})
    with open_client(config, ON_CPU) as client:
        assert said(client, config) == [
            f"scheduler {scheduler} is not protected: whoever can reach it can run code on its workers"
        ]


def test_keys_stay_out_of_the_environment_and_the_command_lines(run: Client) -> None:
    for process in psutil.Process(os.getpid()).children(recursive=True):
        text = " ".join([*process.cmdline(), *process.environ().values()])
        assert "PRIVATE KEY" not in text
