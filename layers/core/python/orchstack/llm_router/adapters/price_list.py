"""Prices from the list that ships with OrchStack, read on first use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import Final

from orchstack.kernel.frozen import Frozen
from orchstack.llm_router.model import Price, Target
from orchstack.llm_router.prices import find_price

_LIST: Final = "prices.json"


class PriceFile(Frozen):
    """The list: where and when each part was taken from, prices by name, and one for the rest."""

    sources: tuple[dict[str, str], ...]
    unknown: Price
    prices: dict[str, Price]


class PriceList:
    """The list as a price book."""

    def price(self, target: Target) -> Price:
        """Give a model's price; a conservative one if the model is not known."""
        found = find_price(self._file.prices, target)
        return self._file.unknown if found is None else found

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
        found = find_price(self._prices, target)
        return self._unknown if found is None else found
