from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest

from otp_engine.service_manager import ServiceManager

TIMEOUT = 60


@contextmanager
def manager_socket(address):
    """Listen as a service manager does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(TIMEOUT)
        listener.bind(address)
        yield listener


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_stop_is_reported_to_the_socket_of_the_manager(kind, tmp_path):
    path = str(tmp_path / "notify")
    named = path if kind == "path" else f"@{path}"
    bound = path if kind == "path" else f"\0{path}"
    with manager_socket(bound) as listener:
        ServiceManager(named).notify_stopping()

        assert listener.recv(64) == b"STOPPING=1"


def test_readiness_is_reported_once_this_process_listens(tmp_path):
    path = str(tmp_path / "notify")
    with manager_socket(path) as listener, socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        ServiceManager(path).notify_once_listening()

        assert listener.recv(64) == b"READY=1"


def test_report_without_a_manager_is_ignored(tmp_path):
    ServiceManager(str(tmp_path / "nothing")).notify_stopping()
