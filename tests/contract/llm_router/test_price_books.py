"""What every price book promises."""

from __future__ import annotations

import pytest

from orchstack.llm_router.adapters.price_list import FixedPrices, PriceList
from orchstack.llm_router.model import Price, Target
from orchstack.llm_router.ports import PriceBook

MINI = Price(input=250_000, output=2_000_000)
BOOKS: list[PriceBook] = [
    PriceList(),
    FixedPrices({"openai/gpt-5-mini": MINI}, Price(input=30_000_000, output=180_000_000)),
]


@pytest.fixture(params=BOOKS, ids=lambda book: type(book).__name__)
def book(request: pytest.FixtureRequest) -> PriceBook:
    """Each price book that ships."""
    found: PriceBook = request.param
    return found


def test_a_known_model_has_its_price(book: PriceBook) -> None:
    """Micro-dollars per million tokens; a dated snapshot costs what its family costs."""
    assert MINI == book.price(Target(provider="openai", model="gpt-5-mini"))
    assert MINI == book.price(Target(provider="openai", model="gpt-5-mini-2025-08-07"))


@pytest.mark.parametrize("name", ["gpt-99", "", "gpt-5-mini-ultra"])
def test_an_unknown_model_is_not_cheap(book: PriceBook, name: str) -> None:
    """A budget holds for a model nobody knows: it is priced like the dearest."""
    price = book.price(Target(provider="openai", model=name))

    assert price.input >= 10_000_000
    assert price.output >= 50_000_000
