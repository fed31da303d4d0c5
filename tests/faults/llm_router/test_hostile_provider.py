"""The OpenAI-wire adapter against providers that fail in every way they can."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from orchstack.kernel.blobs import InMemoryBlobs
from orchstack.kernel.chat import ChatRequest, Message, Role, TextDelta
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.errors import DeadlineExceeded, NoProviderAvailable, OrchStackError
from orchstack.kernel.ids import new_id
from orchstack.llm_router.adapters.in_memory import InMemoryDirectory
from orchstack.llm_router.adapters.openai_wire.wire import OpenAiWire
from orchstack.llm_router.adapters.price_list import PriceList
from orchstack.llm_router.model import ProviderSettings
from orchstack.llm_router.service import ATTEMPTS, LlmRouter
from tests.faults.llm_router.provider_stub import (
    DONE,
    HEAD,
    LAST_CHUNK,
    USAGE,
    Scene,
    Stub,
    answer,
    chunk,
    delta,
    dripping,
    end,
    event,
    hanging,
    provider,
    sending,
    status,
)

KEY = "sk-very-secret-key-1234567890"
LATE_BY_S = 0.75
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p/>"
LONG_HEADER = b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"
REQUEST = ChatRequest(
    model="stub/m", messages=(Message(role=Role.USER, content="Hi"),), max_output_tokens=50
)


@dataclass
class Heard:
    """What a caller heard: the text, and how it ended."""

    text: str
    error: OrchStackError | None
    seconds: float


def ask(stub: Stub, seconds: float = 5.0) -> Heard:
    """Ask the stub through the router, without pauses between tries."""
    settings = ProviderSettings.model_validate({"base_url": stub.url, "api_key": KEY})
    wire = OpenAiWire("stub", settings, SystemClock())
    router = LlmRouter(
        pictures=InMemoryBlobs(),
        directory=InMemoryDirectory.of(wire, default_model="stub/m"),
        prices=PriceList(),
        clock=SystemClock(),
        pause=lambda _: None,
    )
    text, error, start = "", None, time.monotonic()
    try:
        for heard in router.stream(new_id(), REQUEST, deadline=time.time() + seconds):
            text += heard.text if isinstance(heard, TextDelta) else ""
    except OrchStackError as failure:
        error = failure
    return Heard(text, error, time.monotonic() - start)


def streamed(*events: bytes, then_close: bool = True) -> Scene:
    """A stream of the given chunks."""
    return sending(HEAD + b"".join(events), then_close=then_close)


BEFORE_THE_ANSWER = {
    "500": status(500),
    "503 with a page": status(503, b"<html>" * 100),
    "429": status(429, Retry_After="0.01"),
    "408": status(408),
    "closed at once": sending(b"", then_close=True),
    "head cut": sending(HEAD[:30], then_close=True),
    "empty stream": streamed(LAST_CHUNK),
    "only done": streamed(event(DONE), LAST_CHUNK),
    "only comments": streamed(chunk(b": ping\n\n") * 9, LAST_CHUNK),
    "cut before a word": streamed(event(delta("", role="assistant"))),
    "cut in an event": streamed(chunk(b'data: {"choices"')),
    "cut in a chunk": streamed(b"ff\r\ndata: "),
    "error in the stream": streamed(event({"error": {"message": KEY}}), LAST_CHUNK),
    "no HTTP": sending(b"SSH-2.0-OpenSSH_9.6\r\n", then_close=True),
    "long header": sending(LONG_HEADER, then_close=True),
}


@pytest.mark.parametrize("scene", BEFORE_THE_ANSWER.values(), ids=BEFORE_THE_ANSWER.keys())
def test_a_fault_before_the_answer_is_tried_again(scene: Scene) -> None:
    """Nothing was said yet, so the call is repeated, and the answer comes as if nothing were."""
    with provider(scene, answer("Hello", " you")) as stub:
        heard = ask(stub)

    assert ("Hello you", None) == (heard.text, heard.error)
    assert len(stub.bodies) == 2


FINAL = {
    "400": status(400),
    "401": status(401, f'{{"error": "wrong key {KEY}"}}'.encode()),
    "403": status(403),
    "404": status(404),
    "422": status(422),
    "redirect": status(302, Location="http://127.0.0.1:1/v1"),
    "credit": status(429, b'{"error": {"code": "insufficient_quota"}}'),
    "a page": sending(HTML),
    "no event": streamed(chunk(b"data: {\n\n"), LAST_CHUNK),
    "10 MB without an end": streamed(chunk(b"data: " + b"a" * 10_000_000)),
    "10 MB of headers": sending(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_700_000),
}


@pytest.mark.parametrize("scene", FINAL.values(), ids=FINAL.keys())
def test_a_refusal_ends_the_request(scene: Scene) -> None:
    """What cannot get better ends at once, in a sentence without the key."""
    with provider(scene) as stub:
        heard = ask(stub)

    assert isinstance(heard.error, NoProviderAvailable)
    assert KEY not in str(heard.error)
    assert heard.seconds < 5


AFTER_THE_FIRST_WORD = {
    "cut": streamed(event(delta("Hel"))),
    "cut in a chunk": streamed(event(delta("Hel")), b"ff\r\nda"),
    "ends without an end": streamed(event(delta("Hel")), LAST_CHUNK),
    "error": streamed(event(delta("Hel")), event({"error": "overloaded"}), LAST_CHUNK),
    "nonsense": streamed(event(delta("Hel")), event("nonsense"), LAST_CHUNK),
    "10 MB of text": streamed(event(delta("Hel")), event(delta("a" * 10_000)) * 1_000),
}


@pytest.mark.parametrize("scene", AFTER_THE_FIRST_WORD.values(), ids=AFTER_THE_FIRST_WORD.keys())
def test_a_fault_after_the_first_word_is_not_repeated(scene: Scene) -> None:
    """What was said stays said: one call, one bill, and an error; silence is never the end."""
    with provider(scene, answer("Hello")) as stub:
        heard = ask(stub)

    assert isinstance(heard.error, NoProviderAvailable)
    assert heard.text.startswith("Hel")
    assert 1 == len(stub.bodies)


def test_a_cut_tool_call_is_not_repeated() -> None:
    """A tool call is a part of an answer too, though nothing of it was given out."""
    call = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "add"}}]}
    with provider(streamed(event(delta("", **call))), answer("Hello")) as stub:
        heard = ask(stub)

    assert isinstance(heard.error, NoProviderAvailable)
    assert 1 == len(stub.bodies)


TOO_SLOW = {
    "silent": hanging,
    "head drips": dripping(HEAD * 1_000),
    "body drips": dripping(HEAD + chunk(b": ping\n\n") * 10_000, 0.002),
    "error drips": dripping(b"HTTP/1.1 500 X\r\nContent-Length: 99999\r\n\r\n" + b"a" * 99_999),
    "stalls after a word": streamed(event(delta("Hel")), then_close=False),
}


@pytest.mark.parametrize("scene", TOO_SLOW.values(), ids=TOO_SLOW.keys())
def test_nothing_outlives_the_deadline(scene: Scene) -> None:
    """Silence and dripping end at the deadline, which no read and no byte puts off."""
    with provider(scene) as stub:
        heard = ask(stub, seconds=0.6)

    assert isinstance(heard.error, DeadlineExceeded)
    assert 0.5 < heard.seconds < 0.6 + LATE_BY_S


def test_nobody_listens() -> None:
    """A provider that is down is told as such after a few tries."""
    with provider(answer("Hello")) as stub:
        pass
    heard = ask(stub)

    assert isinstance(heard.error, NoProviderAvailable)
    assert "cannot be reached" in str(heard.error)


def test_tries_have_an_end() -> None:
    """A provider that stays ill is left alone after a few tries."""
    with provider(status(500)) as stub:
        heard = ask(stub)

    assert isinstance(heard.error, NoProviderAvailable)
    assert ATTEMPTS == len(stub.bodies)


@pytest.mark.parametrize("wait", [{"Retry_After": "3600"}, {"Retry_After_Ms": "3600000"}])
def test_a_long_wait_is_handed_on(wait: dict[str, str]) -> None:
    """A wait that does not fit into the request is told to the caller."""
    with provider(status(429, b"{}", **wait)) as stub:
        heard = ask(stub)

    assert isinstance(heard.error, NoProviderAvailable)
    assert 3_600 == heard.error.retry_after_s
    assert 1 == len(stub.bodies)


COMPLETE = {
    "no usage, cut": streamed(event(delta("Hello")), event(end())),
    "no done": streamed(event(delta("Hello")), event(end()), event(USAGE), LAST_CHUNK),
    "done only": streamed(event(delta("Hello")), event(DONE), LAST_CHUNK),
    "stays open": streamed(event(delta("Hello")), event(end()), event(DONE), then_close=False),
    "never done": streamed(event(delta("Hello")), event(end()), then_close=False),
}


@pytest.mark.parametrize("scene", COMPLETE.values(), ids=COMPLETE.keys())
def test_an_answer_that_is_there_is_given(scene: Scene) -> None:
    """Once the answer has ended, what is wrong with the connection does not matter."""
    with provider(scene) as stub:
        heard = ask(stub)

    assert ("Hello", None) == (heard.text, heard.error)
    assert heard.seconds < 3


def test_the_connection_is_kept_and_replaced() -> None:
    """Calls share a connection; one that the provider closed meanwhile is replaced unnoticed."""
    closing = sending(b"", then_close=True)
    with provider(answer("One"), answer("Two"), closing, answer("Three")) as stub:
        settings = ProviderSettings(base_url=stub.url)
        wire = OpenAiWire("stub", settings, SystemClock())
        said = [
            [event_.text for event_ in wire.stream(REQUEST, deadline=time.time() + 5)
             if isinstance(event_, TextDelta) and event_.text]
            for _ in range(3)
        ]  # fmt: skip

    assert [["One"], ["Two"], ["Three"]] == said
    assert 2 == stub.connections


def test_the_key_goes_into_its_header_only() -> None:
    """The key is sent as a bearer token, and the body holds what was asked."""
    with provider(answer("Hello")) as stub:
        ask(stub)

    assert f"Authorization: Bearer {KEY}\r\n" in stub.headers[0]
    assert stub.headers[0].startswith("POST /v1/chat/completions ")
    assert KEY not in str(stub.bodies)
    assert "m" == stub.bodies[0]["model"]
