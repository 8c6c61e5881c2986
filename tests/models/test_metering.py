from __future__ import annotations

import pytest

from codeact.models.metering import Prices, estimated_usage, priced
from codeact.types import Image, Message, NativeCall, NativeResult, Text, ToolSpec, Usage

USED = Usage(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=100_000)


def test_cached_tokens_have_their_own_price() -> None:
    assert Prices(input=2.0, cached=0.5, output=10.0).cost(USED) == pytest.approx(0.6 * 2.0 + 0.4 * 0.5 + 0.1 * 10.0)


def test_without_a_price_cached_tokens_cost_as_others() -> None:
    assert Prices(input=2.0, output=10.0).cost(USED) == pytest.approx(3.0)


def test_writing_to_the_cache_may_cost_more() -> None:
    prices = Prices(input=2.0, cached=0.2, cache_write=2.5, output=10.0)
    assert prices.cost(USED, written=100_000) == pytest.approx(0.5 * 2.0 + 0.4 * 0.2 + 0.1 * 2.5 + 1.0)


def test_no_prices_no_cost() -> None:
    assert priced(USED, None).cost is None
    assert priced(USED, Prices(input=1.0, output=1.0)).cost == pytest.approx(1.1)


def test_an_estimate_counts_every_part() -> None:
    image = Image(b"")
    messages = [
        Message.of("user", "x" * 400, [image]),
        Message("assistant", (Text("y" * 40), NativeCall("1", "look", "{}"))),
        Message("tool", (NativeResult("1", "z" * 40, (image,)),)),
    ]
    spec = ToolSpec(name="look", signature="()", doc="Look.", schema={"type": "object", "properties": {}})
    plain, offered = estimated_usage(messages, [], "a" * 8), estimated_usage(messages, [spec], "")
    assert plain == Usage(input_tokens=3 * 4 + 100 + 1000 + 10 + 2 + 10 + 1000, output_tokens=2)
    assert offered.input_tokens > plain.input_tokens
    assert offered.output_tokens == 0
