"""Prices from the list that ships with OrchStack, read on first use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import Final

from orchstack.kernel.frozen import Frozen
from orchstack.llm_router.model import Price, Target
from orchstack.llm_router.prices import find

_LIST: Final = "prices.json"


class PriceFile(Frozen):
    """The list: where and when each part was taken from, entries by name, and one for the rest."""

    sources: tuple[dict[str, str], ...]
    unknown: Price
    prices: dict[str, Price]
    unknown_window: int
    windows: dict[str, int]


class PriceList:
    """The list as a price book."""

    def price(self, target: Target) -> Price:
        """Give a model's price; a conservative one if the model is not known."""
        found = find(self._file.prices, target)
        return self._file.unknown if found is None else found

    def window(self, target: Target) -> int:
        """Give how many tokens a model holds; a modest number if the model is not known."""
        return find(self._file.windows, target) or self._file.unknown_window

    @cached_property
    def _file(self) -> PriceFile:
        text = files(__package__).joinpath(_LIST).read_text(encoding="utf-8")
        return PriceFile.model_validate_json(text)


class FixedPrices:
    """Prices given at the start."""

    def __init__(self, prices: Mapping[str, Price], unknown: Price) -> None:
        """Take prices by `<provider>/<model>`."""
        self._prices = prices
        self._unknown = unknown

    def price(self, target: Target) -> Price:
        """Give a model's price; the given one if the model is not known."""
        found = find(self._prices, target)
        return self._unknown if found is None else found

    def window(self, target: Target) -> int:
        """Give the same for every model."""
        del target
        return 128_000
