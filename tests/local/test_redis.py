"""The embedded Redis starts, is found again, and asks for its password."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

from portal.local import CannotStart
from portal.local.redis import Redis, start_redis, stop_redis

pytestmark = pytest.mark.program


@pytest.fixture
def server(instance_dir: Path) -> Iterator[Redis]:
    yield start_redis(instance_dir)
    stop_redis(instance_dir)


def test_its_url_serves_redis_and_rq(server: Redis) -> None:
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
        Queue("bell", connection=client).enqueue("portal.clock.now")
        assert Queue("bell", connection=client).count == 1


def test_it_keeps_what_it_has_and_refuses_when_it_is_full(server: Redis) -> None:
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("appendonly")["appendonly"] == "yes"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("port")["port"] == "0"


def test_nobody_gets_in_without_the_password(server: Redis) -> None:
    stranger = redis.Redis(unix_socket_path=str(server.socket), retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert (server.socket.parent / "password").stat().st_mode & 0o777 == 0o600
    assert (server.socket.parent / "redis.conf").stat().st_mode & 0o777 == 0o600


def test_a_server_that_runs_already_is_found(server: Redis, instance_dir: Path) -> None:
    found = start_redis(instance_dir)
    assert found.process is None
    assert (found.pid, found.url) == (server.pid, server.url)


def test_it_starts_again_after_a_crash_with_what_it_had(server: Redis, instance_dir: Path) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
    os.kill(server.pid, signal.SIGKILL)
    assert server.process is not None
    server.process.wait()
    again = start_redis(instance_dir)
    assert again.url == server.url
    with redis.Redis.from_url(again.url) as client:
        assert client.get("kept") == b"yes"


def test_a_long_path_gets_a_socket_elsewhere_and_leaves_nothing_there(instance_dir: Path) -> None:
    deep = instance_dir / ("d" * 60) / ("e" * 60)
    server = start_redis(deep)
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    assert len(os.fsencode(server.socket)) <= 100
    stop_redis(deep)
    assert not server.socket.parent.exists()


def test_a_machine_that_cannot_run_redis_is_told_what_to_install(
    instance_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "redis-server"
    foreign.write_bytes(b"\x00a program for another machine")
    foreign.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match="install the system package redis-server"):
        start_redis(instance_dir)
