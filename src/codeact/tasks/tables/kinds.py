"""Kinds of questions. Each knows the answer from the facts, and has a query for either form that finds it in the table."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codeact.tasks.tables.domains import Amount, Facts
from codeact.tasks.tables.table import Form

MOST = 6  # values of an answer that is a list


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question. Queries are the code that leaves the answer in `result`."""

    question: str
    answer: Sequence[str | int]
    thought: str  # how the query comes about
    queries: Mapping[Form, str]


Kind = Callable[[random.Random, Facts], Asked | None]  # None: not with these draws


def lookup(rng: random.Random, facts: Facts) -> Asked | None:
    domain, row = facts.domain, rng.randrange(len(facts.names))
    amount = rng.choice([*(each for each in domain.amounts if each.writing != "percent"), None])
    value = facts.groups[row] if amount is None else facts.amounts[amount][row]
    column, name = domain.group if amount is None else amount.name, facts.names[row]
    if value is None:
        return None
    return Asked(
        question=f"What is the {column} of the {domain.one} {name}?",
        answer=[value],
        thought=f"One row has the {domain.key} {name}; I take its {column}.",
        queries={
            "sql": _rows(f"SELECT {_q(column)} FROM data_table WHERE {_q(domain.key)} = '{name}'"),
            "pandas": f'result = df.loc[df["{domain.key}"] == "{name}", "{column}"].tolist()',
        },
    )


def count(rng: random.Random, facts: Facts) -> Asked | None:
    domain, amount = facts.domain, _amount(rng, facts)
    limit = rng.choice(_known(facts, amount))
    above = rng.random() < 0.5
    sign = ">" if above else "<"
    hits = [value for value in _known(facts, amount) if (value > limit if above else value < limit)]
    return Asked(
        question=f"How many {domain.many} have a value of {'more' if above else 'less'} than {limit:,} in {amount.name}?",
        answer=[len(hits)],
        thought=f"{_care(amount)}Then I count the rows that are {'over' if above else 'under'} {limit}.",
        queries={
            "sql": _rows(f"SELECT COUNT(*) FROM data_table WHERE {_number(amount)} {sign} {limit}{_there(amount)}"),
            "pandas": f"{_values(amount)}\nresult = int((value {sign} {limit}).sum())",
        },
    )


def superlative(rng: random.Random, facts: Facts) -> Asked | None:
    domain, amount = facts.domain, _amount(rng, facts)
    word, pick = rng.choice([("highest", max), ("lowest", min)])
    best = pick(_known(facts, amount))
    names = [name for name, value in zip(facts.names, facts.amounts[amount], strict=True) if value == best]
    function = pick.__name__
    column = _number(amount)
    inner = f"SELECT {function.upper()}({column}) FROM data_table WHERE 1{_there(amount)}"
    return _few(
        question=f"Which {domain.one} has the {word} value in {amount.name}? If several share it, name all of them.",
        answer=names,
        thought=f"{_care(amount)}Then I look for the {word} one, and for all rows that have it.",
        queries={
            "sql": _rows(f"SELECT {_q(domain.key)} FROM data_table WHERE {column} = ({inner}){_there(amount)}"),
            "pandas": f'{_values(amount)}\nresult = df.loc[value == value.{function}(), "{domain.key}"].tolist()',
        },
    )


def difference(rng: random.Random, facts: Facts) -> Asked | None:
    domain, amount = facts.domain, _amount(rng, facts)
    first, second = rng.sample(range(len(facts.names)), 2)
    values = facts.amounts[amount]
    one, other = values[first], values[second]
    if one is None or other is None:
        return None
    names = facts.names[first], facts.names[second]
    pair = f"{_q(domain.key)} IN ('{names[0]}', '{names[1]}')"
    return Asked(
        question=f"By how much do the {domain.many} {names[0]} and {names[1]} differ in {amount.name}?",
        answer=[abs(one - other)],
        thought=f"{_care(amount)}Then I take the larger of the two values minus the smaller one.",
        queries={
            "sql": _rows(f"SELECT MAX({_number(amount)}) - MIN({_number(amount)}) FROM data_table WHERE {pair}"),
            "pandas": f'{_values(amount)}\npair = value[df["{domain.key}"].isin(["{names[0]}", "{names[1]}"])]\n'
            "result = int(pair.max() - pair.min())",
        },
    )


def total(rng: random.Random, facts: Facts) -> Asked | None:
    domain = facts.domain
    amount, group = rng.choice([each for each in domain.amounts if each.writing != "percent"]), rng.choice(facts.groups)
    values = [value for value, own in zip(facts.amounts[amount], facts.groups, strict=True) if own == group]
    return Asked(
        question=f"What is the total of {amount.name} over all {domain.many} whose {domain.group} is {group}?",
        answer=[sum(value or 0 for value in values)],
        thought=f"{_care(amount)}Then I keep the rows of {group} and add them up.",
        queries={
            "sql": _rows(
                f"SELECT SUM({_number(amount)}) FROM data_table WHERE {_q(domain.group)} = '{group}'{_there(amount)}"
            ),
            "pandas": f'{_values(amount)}\nresult = int(value[df["{domain.group}"] == "{group}"].sum())',
        },
    )


def best_group(rng: random.Random, facts: Facts) -> Asked | None:
    domain = facts.domain
    amount = rng.choice([each for each in domain.amounts if each.writing != "percent"])
    totals = dict.fromkeys(facts.groups, 0)
    for group, value in zip(facts.groups, facts.amounts[amount], strict=True):
        totals[group] += value or 0
    best = [group for group, value in totals.items() if value == max(totals.values())]
    if len(best) > 1 or len(totals) < 2:
        return None
    return Asked(
        question=f"Which {domain.group} has the highest total of {amount.name}?",
        answer=best,
        thought=f"{_care(amount)}Then I add them up for each {domain.group} and take the one with most.",
        queries={
            "sql": _rows(
                f"SELECT {_q(domain.group)} FROM data_table WHERE 1{_there(amount)} GROUP BY {_q(domain.group)} "
                f"ORDER BY SUM({_number(amount)}) DESC LIMIT 1"
            ),
            "pandas": f'{_values(amount)}\nresult = value.groupby(df["{domain.group}"]).sum().idxmax()',
        },
    )


def neighbour(rng: random.Random, facts: Facts) -> Asked | None:
    domain, row = facts.domain, rng.randrange(1, len(facts.names) - 1)
    word, step = rng.choice([("after", 1), ("before", -1)])
    name = facts.names[row]
    return Asked(
        question=f"Which {domain.one} comes right {word} {name} in the table?",
        answer=[facts.names[row + step]],
        thought=f"I find the place of {name} in the table and go {'down' if step > 0 else 'up'} by one row.",
        queries={
            "sql": _rows(
                f"SELECT {_q(domain.key)} FROM data_table WHERE rowid = "
                f"(SELECT rowid {'+' if step > 0 else '-'} 1 FROM data_table WHERE {_q(domain.key)} = '{name}')"
            ),
            "pandas": f'names = df["{domain.key}"].tolist()\nresult = names[names.index("{name}") {"+" if step > 0 else "-"} 1]',
        },
    )


def listing(rng: random.Random, facts: Facts) -> Asked | None:
    domain, amount, group = facts.domain, _amount(rng, facts), rng.choice(facts.groups)
    limit = rng.choice(_known(facts, amount))
    rows = zip(facts.names, facts.groups, facts.amounts[amount], strict=True)
    names = [name for name, own, value in rows if own == group and value is not None and value > limit]
    where = f"{_q(domain.group)} = '{group}' AND {_number(amount)} > {limit}{_there(amount)}"
    return _few(
        question=f"Which {domain.many} whose {domain.group} is {group} have a value of more than {limit:,} in {amount.name}?",
        answer=names,
        thought=f"{_care(amount)}Then I keep the rows of {group} that are over {limit}.",
        queries={
            "sql": _rows(f"SELECT {_q(domain.key)} FROM data_table WHERE {where}"),
            "pandas": f'{_values(amount)}\nkept = (df["{domain.group}"] == "{group}") & (value > {limit})\n'
            f'result = df.loc[kept, "{domain.key}"].tolist()',
        },
    )


def since(rng: random.Random, facts: Facts) -> Asked | None:
    domain, year = facts.domain, rng.choice(facts.days).year
    before = rng.random() < 0.5
    hits = [day for day in facts.days if (day.year < year if before else day.year >= year)]
    sign, start = ("<" if before else ">="), (-4 if facts.spelled else 1)
    cut = "[-4:]" if facts.spelled else "[:4]"
    return Asked(
        question=f"How many {domain.many} were {domain.happened} {'before' if before else 'in or after'} the year {year}?",
        answer=[len(hits)],
        thought=f"The dates are text; the year is their {'last' if facts.spelled else 'first'} four characters, which I compare as numbers.",
        queries={
            "sql": _rows(
                f"SELECT COUNT(*) FROM data_table WHERE CAST(SUBSTR({_q(domain.day)}, {start}, 4) AS INTEGER) {sign} {year}"
            ),
            "pandas": f'year = df["{domain.day}"].str{cut}.astype(int)\nresult = int((year {sign} {year}).sum())',
        },
    )


def second(rng: random.Random, facts: Facts) -> Asked | None:
    domain, amount = facts.domain, _amount(rng, facts)
    values = sorted(set(_known(facts, amount)), reverse=True)
    if len(values) < 2:
        return None
    names = [name for name, value in zip(facts.names, facts.amounts[amount], strict=True) if value == values[1]]
    inner = (
        f"SELECT DISTINCT {_number(amount)} FROM data_table WHERE 1{_there(amount)} ORDER BY 1 DESC LIMIT 1 OFFSET 1"
    )
    return _few(
        question=f"Which {domain.one} has the second highest value in {amount.name}? Equal values share a rank; name all that have it.",
        answer=names,
        thought=f"{_care(amount)}Then I sort the different values; the second of them says which rows I want.",
        queries={
            "sql": _rows(
                f"SELECT {_q(domain.key)} FROM data_table WHERE {_number(amount)} = ({inner}){_there(amount)}"
            ),
            "pandas": f"{_values(amount)}\nwanted = value.drop_duplicates().nlargest(2).min()\n"
            f'result = df.loc[value == wanted, "{domain.key}"].tolist()',
        },
    )


KINDS: Mapping[str, Kind] = {
    "lookup": lookup,
    "count": count,
    "superlative": superlative,
    "difference": difference,
    "total": total,
    "best group": best_group,
    "neighbour": neighbour,
    "listing": listing,
    "since": since,
    "second": second,
}


def _few(*, question: str, answer: Sequence[str], thought: str, queries: Mapping[Form, str]) -> Asked | None:
    if not 0 < len(answer) <= MOST:
        return None
    return Asked(question=question, answer=answer, thought=thought, queries=queries)


def _amount(rng: random.Random, facts: Facts) -> Amount:
    return rng.choice(facts.domain.amounts)


def _known(facts: Facts, amount: Amount) -> list[int]:
    return [value for value in facts.amounts[amount] if value is not None]


def _care(amount: Amount) -> str:
    match amount.writing:
        case "plain":
            return ""
        case "commas":
            return f"{amount.name} is text with commas, and with gaps, so I make numbers of it first. "
        case "percent":
            return f"{amount.name} is text with percent signs, and with gaps, so I make numbers of it first. "


def _q(name: str) -> str:
    return f'"{name}"'


def _number(amount: Amount) -> str:
    match amount.writing:
        case "plain":
            return _q(amount.name)
        case "commas":
            return f"CAST(REPLACE({_q(amount.name)}, ',', '') AS INTEGER)"
        case "percent":
            return f"CAST({_q(amount.name)} AS INTEGER)"


def _there(amount: Amount) -> str:
    return "" if amount.writing == "plain" else f" AND {_q(amount.name)} GLOB '[0-9]*'"


def _values(amount: Amount) -> str:
    if amount.writing == "plain":
        return f'value = df["{amount.name}"]'
    return (
        f'digits = df["{amount.name}"].str.replace(r"[^0-9]", "", regex=True)\n'
        'value = pd.to_numeric(digits, errors="coerce")'
    )


def _rows(query: str) -> str:
    return f'rows = conn.execute("""\n{query}\n""").fetchall()\nresult = [row[0] for row in rows]'
