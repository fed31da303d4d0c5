"""The embedded servers: they start, keep data, and never outlive the process that started them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis
from redis.cluster import RedisCluster

from orchstack.local.postgres import GivenPostgres, PostgresServer, erase
from orchstack.local.postgres_files import prepare
from orchstack.local.valkey import ValkeyServer

_PARENT = """
import os, sys, pathlib
from orchstack.local.postgres import PostgresServer
from orchstack.local.valkey import ValkeyServer
postgres, valkey = PostgresServer(pathlib.Path(sys.argv[1]), durable=False), ValkeyServer()
valkey.launch()
postgres.start()
print(postgres.pid, valkey.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data directory that leaves nothing behind."""
    yield tmp_path / "postgres"
    erase(tmp_path / "postgres")


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_data_survives_a_restart(folder: Path) -> None:
    """What was committed is there after the server was stopped and started again."""
    for expected in (0, 1):
        with (
            PostgresServer(folder, durable=True) as server,
            psycopg.connect(server.dsn()) as connection,
        ):
            connection.execute("create table if not exists kept (id int)")
            found = connection.execute("select id from kept").fetchall()
            assert expected == len(found)
            connection.execute("insert into kept values (1)")


def test_it_is_the_promised_postgresql(folder: Path) -> None:
    """The database `orchstack` is on PostgreSQL 18 and can have pgvector."""
    with (
        PostgresServer(folder, durable=False) as server,
        psycopg.connect(server.dsn()) as connection,
    ):
        assert 18 == connection.info.server_version // 10_000
        assert "orchstack" == connection.info.dbname
        connection.execute("create extension vector")


def test_no_server_outlives_a_killed_parent(folder: Path) -> None:
    """After kill -9 of their parent both servers are gone, and the data can be opened again."""
    parent = subprocess.Popen(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", _PARENT, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    children = [int(word) for word in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    parent.stdin.close()
    assert 2 == len(children)
    assert all(_gone(pid) for pid in children)
    with PostgresServer(folder, durable=False) as server:
        assert server.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_a_private_parent_folder_moves_the_data(tmp_path: Path) -> None:
    """Where the unprivileged server user cannot pass, the data lives and dies elsewhere."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    home = prepare(private / "data")
    assert not home.is_relative_to(tmp_path)
    assert f"{home}\n" == (private / "data" / "kept-elsewhere").read_text()
    (home / "file").touch()
    assert home == prepare(private / "data")
    assert (home / "file").exists()
    shutil.rmtree(private / "data")
    prepare(private / "other")
    assert not home.parent.exists()
    erase(private / "other")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_starts_side_by_side_sweep_without_harm(tmp_path: Path) -> None:
    """Many starts at once may find the same abandoned folders; none of them fails."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    abandoned = [private / f"abandoned-{number}" for number in range(40)]
    for data in abandoned:
        prepare(data)
    for data in abandoned:
        shutil.rmtree(data)
    fresh = [private / f"fresh-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        homes = list(pool.map(prepare, fresh))
    assert all(home.is_dir() for home in homes)
    for data in fresh:
        erase(data)


def test_a_given_server_is_used_and_left_running(folder: Path) -> None:
    """A DSN gets its database created; stopping leaves that server alone."""
    with PostgresServer(folder, durable=False) as server:
        given = GivenPostgres(server.dsn(dbname="postgres"))
        given.start()
        given.stop()
        with psycopg.connect(given.dsn()) as connection:
            assert "orchstack" == connection.info.dbname


def test_the_cache_speaks_the_cluster_protocol() -> None:
    """Keys under one hash tag go together; keys under two are refused, as on ElastiCache."""
    with ValkeyServer() as server:
        cluster = RedisCluster(host=server.host, port=server.port)
        cluster.mset_nonatomic({"{a}:1": "x", "{a}:2": "y"})
        assert [b"x", b"y"] == cluster.mget(["{a}:1", "{a}:2"])
        cluster.close()
        with (
            redis.Redis(host=server.host, port=server.port) as node,
            pytest.raises(redis.ResponseError, match="hash to the same slot"),
        ):
            node.mget(["{a}:1", "{b}:1"])
