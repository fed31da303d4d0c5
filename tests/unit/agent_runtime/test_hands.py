"""Threads that are kept, and things done at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from orchstack.agent_runtime.driver.gathering import gather
from orchstack.agent_runtime.driver.hands import MOST_IDLE, Hands

AT_MOST_S = 10


def done(hands: Hands) -> None:
    """Wait until nothing is done any more."""
    until = time.monotonic() + AT_MOST_S
    while hands.busy:
        assert time.monotonic() < until
        time.sleep(0.001)


def test_a_thread_is_kept_for_the_next_piece_of_work() -> None:
    """To start one takes longer than most tools do."""
    hands, threads = Hands(), set[int]()
    for _ in range(5):
        hands.do(lambda: threads.add(threading.get_ident()))
        done(hands)

    assert 1 == len(threads)


def test_as_many_work_at_once_as_there_is_work() -> None:
    """Nothing waits for anything else; afterwards only so many threads are kept."""
    hands, meeting = Hands(), threading.Barrier(MOST_IDLE + 9, timeout=AT_MOST_S)
    before = threading.active_count()
    for _ in range(MOST_IDLE + 8):
        hands.do(meeting.wait)
    meeting.wait()
    done(hands)
    until = time.monotonic() + AT_MOST_S
    while threading.active_count() > before + MOST_IDLE and time.monotonic() < until:
        time.sleep(0.001)

    assert threading.active_count() <= before + MOST_IDLE


def test_work_that_breaks_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread ends; the next piece of work gets another."""
    hands, threads, came = Hands(), list[threading.Thread](), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def break_down() -> None:
        threads.append(threading.current_thread())
        raise ArithmeticError

    hands.do(break_down)
    done(hands)
    threads[0].join(AT_MOST_S)
    hands.do(came.set)

    assert came.wait(AT_MOST_S)


def test_work_knows_what_is_bound_where_it_was_asked_for() -> None:
    """Such as the ids that log lines carry, so that a run's lines are found together."""
    hands, said = Hands(), list[str]()
    request = ContextVar("request", default="none")
    for name in ("r-1", "r-2"):
        request.set(name)
        hands.do(lambda: said.append(request.get()))
        done(hands)

    assert ["r-1", "r-2"] == said


def test_what_is_done_is_given_as_it_gets_done() -> None:
    """And what failed, with its error; nothing twice."""
    first = threading.Event()

    def slow() -> str:
        first.wait(AT_MOST_S)
        return "slow"

    tasks: dict[str, Callable[[], str]] = {"slow": slow, "fast": lambda: "fast"}
    given = []
    for finished in gather(tasks, lambda: None):
        given += [(name, future.result()) for name, future in finished.items()]
        first.set()

    assert [("fast", "fast"), ("slow", "slow")] == given


def test_the_watch_ends_with_what_the_watchman_raises() -> None:
    """While the work goes on by itself."""
    over = threading.Event()

    def alarm() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        list(gather({"stuck": lambda: over.wait(AT_MOST_S)}, alarm))
    over.set()
