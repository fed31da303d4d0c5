from __future__ import annotations

import http.client
import statistics
import time
from pathlib import Path

import pytest

from tests.local.edge_kit import Edge
from tests.local.kit import eventually


def test_a_stream_arrives_with_its_head(edge: Edge) -> None:
    """Status and headers come from the head, the chunks follow as they are."""
    answer = edge.ask("GET", "/count?numbers=3")

    assert (200, "text/event-stream") == (answer.status, answer.headers["Content-Type"])
    assert ("stream", "chunked") == (
        answer.headers["X-Kind"],
        answer.headers["Transfer-Encoding"],
    )
    assert 3 == answer.body.count(b"data: ")
    assert answer.headers["x-amzn-RequestId"]


def test_each_chunk_is_relayed_at_once(edge: Edge) -> None:
    """A chunk is at the client within two milliseconds of being written, in the median."""
    edge.ask("GET", "/count?numbers=1")

    with edge.opened("GET", "/count?numbers=60&pause=0.005") as response:
        delays = [
            time.time() - float(line.split()[2])
            for line in iter(response.readline, b"")
            if line.startswith(b"data: ")
        ]

    assert 60 == len(delays)
    assert statistics.median(delays) < 0.002


def test_the_head_arrives_before_the_first_chunk(edge: Edge) -> None:
    """The client learns status and headers as soon as the function knows them."""
    edge.ask("GET", "/count?numbers=1")
    started = time.monotonic()

    with edge.opened("GET", "/count?numbers=1&pause=0.5") as response:
        assert 200 == response.status
        assert time.monotonic() - started < 0.4
        response.read()


def test_an_error_before_the_head_has_the_gateways_words(edge: Edge) -> None:
    """A stream that fails before it began answers like any function that fails."""
    answer = edge.ask("GET", "/refuse")

    assert (503, "1") == (answer.status, answer.headers["Retry-After"])


def test_an_error_in_the_middle_cuts_the_connection(edge: Edge) -> None:
    """A broken stream never looks whole: the client meets the end before the last chunk."""
    with edge.opened("GET", "/break_off") as response:
        assert b"data: half\n" == response.readline()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()


def test_an_overlong_stream_is_cut(edge: Edge) -> None:
    """A stream that passes its integration's timeout is cut, not ended."""
    with (
        edge.opened("GET", "/slow?numbers=100&pause=0.05") as response,
        pytest.raises((http.client.IncompleteRead, ConnectionResetError)),
    ):
        response.read()


def test_a_whole_answer_on_a_streaming_route_is_refused(edge: Edge) -> None:
    """A function that does not stream fails on a streaming route, as it would on AWS."""
    assert 503 == edge.ask("GET", "/whole").status


def test_a_client_that_goes_away_lets_the_function_run_on(edge: Edge, tmp_path: Path) -> None:
    """When the client leaves mid-stream, the function finishes and serves the next request."""
    mark = tmp_path / "mark"
    with edge.opened("GET", f"/count?numbers=20&pause=0.02&mark={mark}") as response:
        assert response.readline().startswith(b"data: 0")

    assert "finished" == eventually(lambda: mark.exists() and mark.read_text())
    assert 1 == edge.ask("GET", "/count?numbers=1").body.count(b"data: ")


def test_a_slow_client_holds_the_function_back(edge: Edge, tmp_path: Path) -> None:
    """What a client does not read stays with the function, so the gateway's memory is bounded."""
    mark = tmp_path / "mark"
    with edge.opened("GET", f"/flood?megabytes=40&mark={mark}") as response:
        response.read(1)
        time.sleep(0.3)
        assert not mark.exists()
        assert 40 * 1024 * 1024 - 1 == len(response.read())

    assert eventually(mark.exists)
