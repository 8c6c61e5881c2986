"""Trade calculator: price, quantity, conversion rate, tariff and discount over one or several offers."""

from __future__ import annotations

from collections.abc import Sequence

from codeact.tasks.answers import CENTS
from codeact.tasks.arithmetic import evaluate
from codeact.tasks.m3tooleval.question import Domain, Edition, Question
from codeact.tools import ToolSource, tool


def convert_currency(base_price: float, conversion_rate: float) -> float:
    """A price in another currency: price times rate."""
    return base_price * conversion_rate


def calculate_tariff(price: float, tariff_rate: float) -> float:
    """The tariff on a price, at a rate in percent."""
    return price * tariff_rate / 100


def estimate_final_value(price: float, tariff: float) -> float:
    """A price with its tariff (an amount, not a rate) added."""
    return price + tariff


def calculator(expression: str) -> int | float:
    """The value of an arithmetic expression: numbers, + - * / // % ** and parentheses."""
    return evaluate(expression)


def forgiving_calculator(expression: str) -> object:
    """The value of an arithmetic expression."""
    try:
        return evaluate(expression, functions=True)
    except ValueError:
        return "The expression could not be calculated. Check it and try again."


def find_minimum(*args: float) -> float:
    """The smallest of the numbers."""
    return min(args)


def find_maximum(*args: float) -> float:
    """The largest of the numbers."""
    return max(args)


def tools(edition: Edition) -> Sequence[ToolSource]:
    own = calculator_of(edition)
    return convert_currency, calculate_tariff, estimate_final_value, own, find_minimum, find_maximum


def calculator_of(edition: Edition) -> ToolSource:
    from_paper = tool(name="calculator")(forgiving_calculator)
    return from_paper if edition == "paper" else tool(calculator)


_VALUE = (
    "The final value of goods is quantity times unit price times conversion rate, with the tariff (a percentage of that) "
    "added."
)


def _one(expression: str) -> str:
    return f'result = calculator("{expression}")'


def _each(expressions: Sequence[str], choose: str = "values") -> str:
    listed = "".join(f'    "{expression}",\n' for expression in expressions)
    return f"values = [calculator(expression) for expression in [\n{listed}]]\nresult = {choose}"


QUESTIONS = (
    Question(
        name="estimate_final_value",
        prompt="Goods worth 150 credits bear a tariff of 7.5 percent. What is their final value, tariff included?",
        defective="Goods worth 150 credits bear a tariff of 7.5 units. What is their final value, tariff included?",
        value=161.25,
        program=_one("150 * 107.5 / 100"),
    ),
    Question(
        name="interstellar_trade_transaction",
        prompt=f"{_VALUE} You buy 100 units at 50 credits each; the conversion rate is 1.5 and the tariff 8 %. What is "
        "the final value?",
        value=8100.0,
        program=_one("100 * 50 * 1.5 * 108 / 100"),
    ),
    Question(
        name="taxed_commodity_export",
        prompt=f"{_VALUE} You export 200 units at 120 credits each; the conversion rate is 2.0 and the tariff 5 %. What "
        "is the final value?",
        value=50400.0,
        program=_one("200 * 120 * 2.0 * 105 / 100"),
    ),
    Question(
        name="best_trade_route_selection",
        prompt=f"{_VALUE} You ship 500 units, worth 1 credit each, by one of three routes, with conversion rate and "
        "tariff: route A 1.3 and 7 %, route B 1.4 and 9 %, route C 1.2 and 4 %. What is the final value by the route "
        "where it is lowest?",
        defective=f"{_VALUE} You ship 500 units by one of three routes, with conversion rate and tariff: route A 1.3 "
        "and 7 %, route B 1.4 and 9 %, route C 1.2 and 4 %. What is the final value by the route where it is lowest?",
        value=624.0,
        program=_each(["500 * 1.3 * 107 / 100", "500 * 1.4 * 109 / 100", "500 * 1.2 * 104 / 100"], "min(values)"),
    ),
    Question(
        name="most_profitable_conversion_rate",
        prompt=f"{_VALUE} You sell 1000 units at 300 credits each, under a tariff of 10 %, at a conversion rate of 2.5, "
        "2.3 or 2.7. What is the highest final value you can have?",
        value=891000.0,
        program=_one("1000 * 300 * 2.7 * 110 / 100"),
    ),
    Question(
        name="bulk_trade_quantity_discount",
        prompt=f"{_VALUE} You buy 2500 units at 1500 credits each; from 2000 units on, everything is 5 % cheaper. The "
        "conversion rate is 1.8 and the tariff 12 %. What is the final value?",
        value=7182000.0,
        program=_one("2500 * 1500 * 0.95 * 1.8 * 112 / 100"),
    ),
    Question(
        name="comparative_profit_analysis",
        prompt=f"{_VALUE} There are two goods. The first: 300 units at 100 credits, conversion rate 1.6, tariff 6 %. The "
        "second: 500 units at 80 credits, conversion rate 1.8, tariff 5 %. What is the final value of the one where it "
        "is higher?",
        value=75600.0,
        program=_each(["100 * 300 * 1.6 * 106 / 100", "80 * 500 * 1.8 * 105 / 100"], "max(values)"),
    ),
    Question(
        name="fluctuating_conversion_rates_impact",
        prompt=f"{_VALUE} Units cost 200 credits each and bear a tariff of 7 %. You buy 100 at a conversion rate of 1.7, "
        "150 at 1.5 and 200 at 1.6. What are the three final values, as a list in this order?",
        value=[36380.0, 48150.0, 68480.0],
        program=_each(["100 * 200 * 1.7 * 107 / 100", "150 * 200 * 1.5 * 107 / 100", "200 * 200 * 1.6 * 107 / 100"]),
    ),
    Question(
        name="optimal_trade_route_multiple_commodities",
        prompt=f"{_VALUE} Three goods are offered: 150 units at 200 credits, conversion rate 1.7, tariff 8 %; 250 units "
        "at 300 credits, conversion rate 1.5, tariff 5 %; 100 units at 400 credits, conversion rate 2.0, tariff 10 %. "
        "What is the highest of the final values?",
        value=118125.0,
        program=_each(
            ["150 * 200 * 1.7 * 108 / 100", "250 * 300 * 1.5 * 105 / 100", "100 * 400 * 2.0 * 110 / 100"], "max(values)"
        ),
    ),
    Question(
        name="seasonal_price_fluctuation_impact",
        prompt=f"{_VALUE} A unit costs 200 credits in spring, 250 in summer and 180 in autumn. Each time you buy 200 "
        "units, at a conversion rate of 1.8 and a tariff of 7 %. What are the three final values, as a list in this "
        "order?",
        value=[77040.0, 96300.0, 69336.0],
        program=_each(["200 * 200 * 1.8 * 107 / 100", "200 * 250 * 1.8 * 107 / 100", "200 * 180 * 1.8 * 107 / 100"]),
    ),
    Question(
        name="balancing_multiple_trade_offers",
        prompt=f"{_VALUE} The first offer: 300 units at 250 credits, conversion rate 1.6, tariff 6 %. The second: 150 "
        "units at 220 credits, conversion rate 1.5, tariff 4 %. By how much is the final value of the first higher than "
        "that of the second?",
        value=75720.0,
        program=_one("300 * 250 * 1.6 * 106 / 100 - 150 * 220 * 1.5 * 104 / 100"),
    ),
    Question(
        name="dynamic_pricing_strategy",
        prompt=f"{_VALUE} The price of a unit is 300 credits. You sell 120 units at a price 10 % higher, 100 at the "
        "price itself and 80 at a price 5 % lower, each at a conversion rate of 1.8 and a tariff of 6 %. What are the "
        "three final values, as a list in this order?",
        value=[75556.8, 57240.0, 43502.4],
        program=_each(
            ["300 * 1.10 * 120 * 1.8 * 106 / 100", "300 * 100 * 1.8 * 106 / 100", "300 * 0.95 * 80 * 1.8 * 106 / 100"]
        ),
    ),
    Question(
        name="quantity_tariff_tradeoff",
        prompt=f"{_VALUE} A unit costs 400 credits and the conversion rate is 1.7. You can take 200 units at a tariff of "
        "10 %, or 150 units at a tariff of 5 %. What is the final value of the option where it is higher?",
        defective=f"{_VALUE} A unit costs 400 credits and the conversion rate is 1.7. You can take 200 units at a "
        "tariff of 10 %, or 150 units at a tariff of 5 %. Which option is better?",
        value=149600.0,
        program=_each(["200 * 400 * 1.7 * 110 / 100", "150 * 400 * 1.7 * 105 / 100"], "max(values)"),
    ),
    Question(
        name="optimizing_bulk_purchase_discounts",
        prompt=f"{_VALUE} One good costs 150 credits a unit and you take 950 units; another costs 180 and you take 1050. "
        "From 1000 units on, everything is 5 % cheaper. The conversion rate is 1.6 and the tariff 7 %. What is the "
        "higher of the two final values?",
        value=307389.6,
        program=_each(["950 * 150 * 1.6 * 107 / 100", "1050 * 180 * 0.95 * 1.6 * 107 / 100"], "max(values)"),
    ),
    Question(
        name="currency_fluctuation_hedging",
        prompt=f"{_VALUE} You take 500 units at 250 credits each, under a tariff of 8 %; the conversion rate may be 1.5, "
        "1.65 or 1.8. What is the lowest final value that can come of it?",
        value=202500.0,
        program=_one("500 * 250 * 1.5 * 108 / 100"),
    ),
    Question(
        name="variable_tariff_profit_maximization",
        prompt=f"{_VALUE} A unit costs 300 credits and the conversion rate is 1.7. The tariff is 6 % for 400 units, 4 % "
        "for 350 units and 7 % for 450 units. What is the highest final value?",
        value=245565.0,
        program=_each(
            ["400 * 300 * 1.7 * 106 / 100", "350 * 300 * 1.7 * 104 / 100", "450 * 300 * 1.7 * 107 / 100"], "max(values)"
        ),
    ),
    Question(
        name="long_term_vs_short_term_trade_decisions",
        prompt=f"{_VALUE} You have 600 units at 200 credits each. Sold now, the conversion rate is 1.8 and the tariff "
        "5 %. Sold later, the price is 10 % higher, the conversion rate 1.6 and the tariff 7 %. What are the two final "
        "values, as a list with the one of now first?",
        value=[226800.0, 225984.0],
        program=_each(["600 * 200 * 1.8 * 105 / 100", "600 * 200 * 1.10 * 1.6 * 107 / 100"]),
    ),
)

TRADE = Domain(name="trade_calculator", tools=tools, questions=QUESTIONS, tolerance=CENTS)
