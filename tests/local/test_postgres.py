"""The embedded Postgres starts, is found again, and survives what a crash leaves behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portal.local.postgres import Postgres, start_postgres, stop_postgres
from portal.local.processes import is_alive

pytestmark = pytest.mark.program


@pytest.fixture
def postgres(instance_dir: Path) -> Iterator[Postgres]:
    yield start_postgres(instance_dir, durable=False)
    stop_postgres(instance_dir)


@pytest.fixture
def durable(instance_dir: Path) -> Iterator[Postgres]:
    yield start_postgres(instance_dir)
    stop_postgres(instance_dir)


def asked(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


def test_the_app_is_a_plain_role_that_owns_its_database(postgres: Postgres) -> None:
    assert asked(postgres.url, "select current_user") == "portal"
    assert asked(postgres.url, "select rolsuper or rolcreaterole from pg_roles where rolname = 'portal'") is False
    assert asked(postgres.url, "select pg_get_userbyid(datdba) from pg_database where datname = 'portal'") == "portal"


def test_it_listens_on_no_network_and_lets_in_only_who_started_it(postgres: Postgres) -> None:
    assert asked(postgres.admin_url, "show listen_addresses") == ""
    rules = "select string_agg(concat_ws(' ', type, auth_method), ',') from pg_hba_file_rules"
    assert asked(postgres.admin_url, rules) == "local peer"


def test_its_log_does_not_repeat_row_values(postgres: Postgres) -> None:
    assert asked(postgres.url, "show log_error_verbosity") == "terse"
    assert asked(postgres.admin_url, "show log_min_error_statement") == "panic"


def test_a_server_that_runs_already_is_found(postgres: Postgres, instance_dir: Path) -> None:
    assert start_postgres(instance_dir, durable=False).pid == postgres.pid


def test_it_starts_again_after_a_crash_with_its_data(durable: Postgres, instance_dir: Path) -> None:
    with psycopg.connect(durable.url) as connection:
        connection.execute("create table kept as select 1 as one")
    pid = durable.pid
    os.kill(pid, signal.SIGKILL)
    while is_alive(pid):
        time.sleep(0.02)
    again = start_postgres(instance_dir)
    assert again.pid != pid
    assert asked(again.url, "select one from kept") == 1


def test_a_pid_file_with_the_number_of_another_process_is_ignored(postgres: Postgres, instance_dir: Path) -> None:
    pid_file = instance_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    postgres.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    assert asked(start_postgres(instance_dir, durable=False).url, "select 1") == 1


def test_a_long_path_gets_a_socket_elsewhere_and_leaves_nothing_there(instance_dir: Path) -> None:
    deep = instance_dir / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    postgres = start_postgres(deep, durable=False)
    try:
        assert asked(postgres.url, "select 1") == 1
        assert deep not in postgres.socket_dir.parents
    finally:
        stop_postgres(deep)
    assert not postgres.socket_dir.exists()
