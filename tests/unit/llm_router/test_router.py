"""The router: which model, when to try again, what it costs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from orchstack.kernel.blobs import InMemoryBlobs
from orchstack.kernel.chat import ChatRequest, Completion, Image, Message, Role, TextDelta, Usage
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import DeadlineExceeded, NoProviderAvailable, UnsupportedInput
from orchstack.kernel.ids import new_id
from orchstack.llm_router.adapters.in_memory import InMemoryDirectory, ScriptedProvider, Turn, says
from orchstack.llm_router.adapters.price_list import FixedPrices
from orchstack.llm_router.model import OutOfTime, Price, ProviderFailure
from orchstack.llm_router.service import ATTEMPTS, LlmRouter

PRICES = FixedPrices(
    {"scripted/known": Price(input=2_000_000, output=8_000_000)},
    Price(input=30_000_000, output=180_000_000),
)
TENANT = new_id()
REFUSED = ProviderFailure("it refused our key.")
BUSY = ProviderFailure("it is busy.", retryable=True)


@dataclass
class World:
    """A router over one scripted provider, on a clock that its pauses move."""

    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    clock: ManualClock = field(default_factory=ManualClock)
    pauses: list[float] = field(default_factory=list)
    blobs: InMemoryBlobs = field(default_factory=InMemoryBlobs)

    def router(self) -> LlmRouter:
        """The router, whose jitter is always one half."""
        directory = InMemoryDirectory.of(self.provider, default_model="scripted/known")
        return LlmRouter(
            directory=directory, prices=PRICES, pictures=self.blobs, clock=self.clock,
            pause=self._pause, chance=lambda: 0.5,
        )  # fmt: skip

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)

    def ask(self, *turns: Turn, seconds: float = 60, model: str = "default") -> list[object]:
        """What a request gives while the provider plays the turns."""
        self.provider.turns.extend(turns)
        until = self.clock.now().timestamp() + seconds
        return list(self.router().stream(TENANT, request(model), deadline=until))


def request(model: str = "default") -> ChatRequest:
    """A request of one short message."""
    said = (Message(role=Role.USER, content="Hi"),)
    return ChatRequest(model=model, messages=said, max_output_tokens=100)


def test_the_answer_streams_and_ends_with_its_price() -> None:
    """Text comes as the provider says it; last comes one Completion with tokens and cost."""
    *text, last = World().ask(says("Hello there", Usage(input_tokens=3, output_tokens=7)))

    assert [TextDelta(text="Hello"), TextDelta(text=" there")] == text
    assert isinstance(last, Completion)
    assert (3 * 2 + 7 * 8, "scripted", "scripted/known") == (last.cost, last.provider, last.model)


def test_the_provider_is_asked_for_its_own_name() -> None:
    """The provider is asked for the model by the name it knows."""
    world = World()
    world.ask(says("Hello"), model="scripted/family/member:1")

    assert "family/member:1" == world.provider.asked[0].model


def test_a_busy_provider_is_asked_again() -> None:
    """Before anything was said, a call is repeated after a pause that grows, with full jitter."""
    world = World()
    events = world.ask([BUSY], [BUSY], says("Hello"))

    assert 2 == len(events)
    assert [0.25, 0.5] == world.pauses


def test_patience_ends() -> None:
    """After a few tries the caller is told, with how long to wait."""
    world = World()
    with pytest.raises(NoProviderAvailable, match=r"scripted/known.*it is busy") as refused:
        world.ask(*([BUSY] for _ in range(9)))

    assert ATTEMPTS == len(world.provider.asked)
    assert refused.value.retry_after_s is not None


def test_what_was_said_is_not_said_twice() -> None:
    """Once a word came, a failure ends the request: no second call, no second bill."""
    world = World()
    with pytest.raises(NoProviderAvailable):
        world.ask([TextDelta(text="Hel"), ProviderFailure("cut.", retryable=True, started=True)])

    assert 1 == len(world.provider.asked)
    assert [] == world.pauses


def test_a_refusal_is_final() -> None:
    """What will not get better is not tried again."""
    world = World()
    with pytest.raises(NoProviderAvailable, match="refused our key") as refused:
        world.ask([REFUSED])

    assert 1 == len(world.provider.asked)
    assert refused.value.retry_after_s is None


def test_the_providers_wish_to_wait_is_honoured() -> None:
    """What a provider asks to wait is waited, if there is time for it."""
    world = World()
    world.ask([ProviderFailure("slow down.", retryable=True, retry_after_s=7)], says("Hello"))

    assert [7] == world.pauses


def test_nobody_waits_past_the_deadline() -> None:
    """If the wait does not fit, the caller is told at once, and how long the provider wants."""
    world = World()
    limited = ProviderFailure("slow down.", retryable=True, retry_after_s=90)
    with pytest.raises(NoProviderAvailable) as refused:
        world.ask([limited], seconds=60)

    assert [] == world.pauses
    assert 90 == refused.value.retry_after_s


def test_the_deadline_has_its_own_error() -> None:
    """A provider that runs out of time means DeadlineExceeded, without another try."""
    world = World()
    with pytest.raises(DeadlineExceeded):
        world.ask([OutOfTime("too slow.")])

    assert 1 == len(world.provider.asked)


def test_an_unknown_provider_is_named() -> None:
    """A model of a provider that is not set up is refused before anything happens."""
    with pytest.raises(NoProviderAvailable, match="'acme' is not set up"):
        World().ask(model="acme/rocket")


def test_the_worst_case_bounds_the_cost() -> None:
    """The worst cost counts every byte as a token and all the output that is allowed."""
    router = World().router()
    worst = router.worst_cost(request())

    assert worst == (len("Hi") + 16) * 2 + 100 * 8
    assert router.worst_cost(request("scripted/unknown")) > worst


def test_a_local_model_costs_nothing() -> None:
    """What runs beside us is free, whatever the price list says."""
    world = World(provider=ScriptedProvider(local=True))
    last = world.ask(says("Hello"))[-1]

    assert isinstance(last, Completion)
    assert 0 == last.cost == world.router().worst_cost(request())


def test_a_card_tells_what_is_known() -> None:
    """`default` resolves to a name, with provider and price."""
    card = World().router().describe("default")

    assert ("scripted/known", "scripted") == (card.name, card.provider)
    assert 8_000_000 == card.price.output


@pytest.mark.parametrize(("structured", "passed"), [(True, {"type": "object"}), (False, None)])
def test_a_schema_goes_only_where_it_binds(structured: bool, passed: dict[str, str] | None) -> None:
    """A provider whose card says that it cannot be bound is not sent one."""
    world = World(provider=ScriptedProvider(structured=structured))
    bound = request().model_copy(update={"output_schema": {"type": "object"}})
    world.provider.then(says("{}"))
    list(world.router().stream(TENANT, bound, deadline=world.clock.now().timestamp() + 60))

    assert structured == world.router().describe("default").structured
    assert passed == world.provider.asked[0].output_schema


def test_the_caller_may_leave_early() -> None:
    """A caller that stops listening ends the provider's stream."""
    world = World()
    world.provider.then(says("Hello there"))
    stream = world.router().stream(TENANT, request(), deadline=time.time() + 1e9)

    assert TextDelta(text="Hello") == next(stream)
    stream.close()  # type: ignore[attr-defined] # it is a generator, as its consumer knows


def _picture(world: World) -> Image:
    name = world.blobs.keep(TENANT, b"pixels", "image/png")
    return Image(sha256=name, media_type="image/png", size=6)


def test_a_picture_goes_out_with_its_bytes() -> None:
    """Everywhere else its name stands for it; the provider gets the bytes in Base64."""
    world = World()
    said = Message(role=Role.USER, content="What is this?", images=(_picture(world),))
    asked = request().model_copy(update={"messages": (said,)})
    world.provider.then(says("A cat."))
    until = world.clock.now().timestamp() + 60

    list(world.router().stream(TENANT, asked, deadline=until))

    assert "cGl4ZWxz" == world.provider.asked[0].messages[0].images[0].data


def test_a_model_that_reads_no_pictures_is_not_asked() -> None:
    """The refusal names the model, before anything is spent."""
    world = World(provider=ScriptedProvider(images=False))
    said = Message(role=Role.USER, content="What is this?", images=(_picture(world),))

    with pytest.raises(UnsupportedInput, match="scripted/known reads no images"):
        world.router().worst_cost(request().model_copy(update={"messages": (said,)}))
