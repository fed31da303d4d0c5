"""What the router speaks of: targets, prices, model cards, replies, and how a provider fails."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from orchstack.kernel.chat import Message, MicroDollars, TextDelta, Usage
from orchstack.kernel.frozen import Frozen

DEFAULT: Final = "default"
BUILTIN: Final = "builtin"
ECHO: Final = "builtin/echo"

Tools = Literal["native", "schema"]
FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


class Target(Frozen):
    """A model at a provider; written `<provider>/<model>`."""

    provider: str
    model: str

    @property
    def name(self) -> str:
        """The written form."""
        return f"{self.provider}/{self.model}"


class Rate(Frozen):
    """Micro-dollars per million tokens."""

    input: Annotated[int, Field(ge=0)]
    output: Annotated[int, Field(ge=0)]


class Price(Rate):
    """What a model costs; above `long_from` input tokens all of the call costs `long`."""

    long_from: Annotated[int, Field(gt=0)] | None = None
    long: Rate | None = None

    def cost(self, usage: Usage) -> MicroDollars:
        """Price a call, rounded up to the next micro-dollar."""
        rate: Rate = self
        if self.long is not None and usage.input_tokens > (self.long_from or 0):
            rate = self.long
        spent = usage.input_tokens * rate.input + usage.output_tokens * rate.output
        return -(-spent // 1_000_000)


FREE: Final = Price(input=0, output=0)


class ModelCard(Frozen):
    """What is known of a model before it is called."""

    name: str
    provider: str
    model: str
    price: Price
    # Whether it reads pictures.
    images: bool = True
    # How many tokens it holds, input and output together.
    window: int
    # Whether it can be bound to a JSON Schema; else it only reads about it.
    structured: bool = True


class ProviderSettings(Frozen):
    """How the operator says a provider is reached; any server that speaks OpenAI's chat API.

    Addresses may be private: they come from the operator, never from a tenant.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]
    api_key: SecretStr | None = None
    # `native`: its models take tools themselves; `schema`: they are made to choose by JSON Schema.
    tools: Tools = "native"
    # The name of the output limit; OpenAI's own models take only the first, others the second.
    limit_field: Literal["max_completion_tokens", "max_tokens"] | None = None
    # Whether its models read pictures.
    images: bool = True
    # Whether its models can be bound to a JSON Schema, by `response_format`.
    structured: bool = True
    # How many tokens its models hold; else what is listed for each, else some thirty thousand.
    context_window: Annotated[int | None, Field(ge=1_024)] = None
    # Whether a call costs nothing; unless said, whatever answers on this machine's loopback.
    free: bool | None = None

    @property
    def host(self) -> str:
        """The host of the address, in lower case."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def local(self) -> bool:
        """Whether its calls cost nothing."""
        loopback = self.host == "localhost" or self.host.startswith("127.") or self.host == "::1"
        return loopback if self.free is None else self.free

    @property
    def output_limit(self) -> str:
        """The name of the field that bounds the output."""
        openai = self.host.endswith(".openai.com")
        return self.limit_field or ("max_completion_tokens" if openai else "max_tokens")


class Providers(Frozen):
    """The secret that the operator keeps: the default model, and the providers by name."""

    default: Annotated[str, Field(pattern=r"^[a-z0-9-]+/\S{1,120}$")] = ECHO
    providers: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")], ProviderSettings] = {}


class Reply(Frozen):
    """The end of a provider's stream: the whole message and what it used."""

    message: Message
    usage: Usage
    finish_reason: FinishReason


ProviderEvent = TextDelta | Reply


class ProviderFailure(Exception):
    """A provider did not answer as it should; the sentence says how, without keys or message text.

    `retryable`: the same call may succeed later. `started`: a part of an answer had arrived, so the
    call is billed and must not be made again. `retry_after_s`: what the provider asked to wait.
    `note`: the provider's own words, for the log only.
    """

    def __init__(
        self,
        sentence: str,
        *,
        retryable: bool = False,
        started: bool = False,
        retry_after_s: float | None = None,
        note: str = "",
    ) -> None:
        """Take the sentence and what a caller may do about it."""
        super().__init__(sentence)
        self.note = note
        self.retryable = retryable
        self.started = started
        self.retry_after_s = retry_after_s


class OutOfTime(ProviderFailure):
    """The deadline passed before the provider had answered in full."""
