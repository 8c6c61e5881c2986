"""Families about texts: words, records, expressions, ciphers, formats of numbers, dates, runs, brackets."""

from __future__ import annotations

import random
from datetime import date, timedelta

from codeact.tasks.programming.draft import Draft, Kind, Parameter, filled, one_of, words

TEXT = Parameter("text", "str", "the text")


def strings(rng: random.Random) -> Draft:
    """Some of a text's words, and something about them."""
    size, letter, letters = rng.randint(3, 6), rng.choice("aeioust"), "".join(sorted(rng.sample("bdfgklmnprst", 4)))
    told, test = rng.choice(
        [
            (f"have at least {size} letters", f"len(word) >= {size}"),
            (f"contain the letter {letter!r}", f"{letter!r} in word"),
            (f"do not contain the letter {letter!r}", f"{letter!r} not in word"),
            (f"begin with one of the letters {letters!r}", f"word[0] in {letters!r}"),
            ("begin and end with the same letter", "word[0] == word[-1]"),
            ("have an even number of letters", "len(word) % 2 == 0"),
        ]
    )
    returns, asked, result = one_of(
        rng,
        [
            ("int", "how many of its words", "len(chosen)"),
            ("int", "the number of letters, in all, of those of its words that", "sum(map(len, chosen))"),
            ("list[str]", "in alphabetical order and each once, those of its words that", "sorted(set(chosen))"),
            ("str", "the initials, in capitals and without blanks, of those of its words that",
             "''.join(word[0].upper() for word in chosen)"),
            ("list[str]", "from the longest to the shortest, equally long ones as they come, those of its words that",
             "sorted(chosen, key=len, reverse=True)"),
        ]
    )  # fmt: skip
    source = f"def pick(text):\n    chosen = [word for word in text.split() if {test}]\n    return {result}"
    return Draft(
        name="pick",
        parameters=[TEXT],
        returns=returns,
        story=f"Given a text of words separated by blanks, give {asked} {told}.",
        idea="I split the text at blanks, keep the words that fit and work out the result from them.",
        source=source,
        inputs=[(" ".join(words(rng, count)),) for count in (8, 6, 12, 20, 1, 15, 30)],
    )


def records(rng: random.Random) -> Draft:
    """Entries of three fields, some of them broken."""
    outer, inner = rng.choice([(";", ":"), ("|", ","), (",", "/"), (" ", "=")])
    least = rng.randint(2, 6)
    options: list[tuple[Kind, str, str, str]] = [
        ("int", f"the value (amount times price) of all goods of which there are at least {least}", "0",
         f"if int(amount) >= {least}:\n            result += int(amount) * int(price)"),
        ("int", "how many pieces there are in all", "0", "result += int(amount)"),
        ("list[str]", f"the names of the goods whose price is over {least * 10}, in their order", "[]",
         f"if int(price) > {least * 10}:\n            result.append(name)"),
        ("str", "the name with the highest price, the first of equal ones, or '-' if there is no good entry", "'-'",
         "if int(price) > best:\n            best, result = int(price), name"),
    ]  # fmt: skip
    returns, asked, start, step = rng.choice(options)
    source = filled(
        """
def read_stock(text):
    result, best = $start, -1
    for entry in text.split($outer):
        fields = entry.split($inner)
        if len(fields) != 3 or not fields[0] or not (fields[1].isdigit() and fields[2].isdigit()):
            continue
        name, amount, price = fields
        $step
    return result
""",
        start=start,
        outer=repr(outer),
        inner=repr(inner),
        step=step,
    )
    return Draft(
        name="read_stock",
        parameters=[TEXT],
        returns=returns,
        story=f"A stock is written as entries separated by {outer!r}, each of them name{inner}amount{inner}price with whole numbers. "
        "Entries that are not of this form, with an empty name or other than digits for a number, are left out. "
        f"Give {asked}.",
        idea="I take the text apart at both separators, leave out what has not exactly three good fields, and go over the rest.",
        source=source,
        inputs=[(outer.join(_entry(rng, inner) for _ in range(count)),) for count in (4, 6, 9, 3, 14, 1, 25)],
    )


def _entry(rng: random.Random, inner: str) -> str:
    name, amount, price = words(rng, 1)[0], str(rng.randint(1, 12)), str(rng.randint(5, 99))
    broken = [(name, amount), (name, "x" + amount, price), ("", amount, price), (name, amount, price, "?")]
    return inner.join(rng.choice(broken) if rng.random() < 0.25 else (name, amount, price))


def expressions(rng: random.Random) -> Draft:
    """A calculator whose signs mean something else, from left to right."""
    meanings = rng.sample(
        [
            ("the sum", "left + right"),
            ("the difference", "left - right"),
            ("the product", "left * right"),
            ("the larger one", "max(left, right)"),
            ("the smaller one", "min(left, right)"),
            ("the distance", "abs(left - right)"),
            ("the first one doubled and the second added", "2 * left + right"),
        ],
        3,
    )
    signs = rng.sample("#@&%!?~", 3)
    modulus = rng.choice([97, 1000, 1009, 10007])
    told = ", ".join(f"{sign} gives {meaning}" for sign, (meaning, _) in zip(signs, meanings, strict=True))
    branches = "\n".join(
        f"        {'elif' if number else 'if'} sign == {sign!r}:\n            left = {code}"
        for number, (sign, (_, code)) in enumerate(zip(signs, meanings, strict=True))
    )
    source = filled(
        """
def evaluate(text):
    parts = text.split()
    left = int(parts[0])
    for sign, number in zip(parts[1::2], parts[2::2]):
        right = int(number)
$branches
        left %= $modulus
    return left
""",
        branches=branches,
        modulus=modulus,
    )
    inputs: list[tuple[str, ...]] = []
    for count in (2, 4, 1, 6, 9, 15, 30):
        parts = [str(rng.randint(0, 50))]
        for _ in range(count - 1):
            parts += [rng.choice(signs), str(rng.randint(0, 50))]
        inputs.append((" ".join(parts),))
    return Draft(
        name="evaluate",
        parameters=[Parameter("text", "str", "the expression")],
        returns="int",
        story="An expression has whole numbers with signs between them, all separated by blanks. It is worked out strictly from left "
        f"to right: of the value so far and the next number, {told}. After each step the value is reduced to its remainder "
        f"(0 or more) by {modulus}. Give the value; an expression of one number has that number as its value.",
        idea="I walk over the signs and numbers in pairs, keep the value so far and reduce it after each step.",
        source=source,
        inputs=inputs,
    )


def ciphers(rng: random.Random) -> Draft:
    """Letters moved by an amount that changes from place to place."""
    start, step, back = rng.randint(1, 20), rng.choice([-3, -2, -1, 1, 2, 3]), rng.random() < 0.5
    letters_only = rng.random() < 0.5
    counted = "the number of small letters before it" if letters_only else "its place in the text, from 0"
    direction = "back" if back else "on"
    source = filled(
        """
def recode(text):
    result, place = "", 0
    for character in text:
        if "a" <= character <= "z":
            amount = $sign($start + $step * place)
            character = chr((ord(character) - ord("a") + amount) % 26 + ord("a"))
        ${inside}place += 1
        result += character
    return result
""",
        sign="-" if back else "",
        start=start,
        step=step,
        inside="    " if letters_only else "",
    )
    return Draft(
        name="recode",
        parameters=[TEXT],
        returns="str",
        story=f"Each small letter of a text is moved {direction} in the alphabet, around its end, by {start} plus {step} times {counted} "
        "(where that is negative, it moves the other way). All other characters stay. Give the new text.",
        idea="I go over the characters, work out the amount for each letter from its place, and wrap around with a remainder of 26.",
        source=source,
        inputs=[(_sentence(rng, count),) for count in (2, 3, 1, 5, 8, 12, 20)],
    )


def _sentence(rng: random.Random, count: int) -> str:
    return rng.choice([", ", " - ", " "]).join(words(rng, count)).capitalize() + rng.choice(".!?")


def formats(rng: random.Random) -> Draft:
    """Whole numbers written in a form of their own."""
    size, mark, base = rng.choice([2, 3, 4]), rng.choice(["'", "_", ".", " "]), rng.choice([2, 3, 5, 7, 12, 16])
    negative = rng.choice(["({})", "{}-", "minus {}"])
    source = filled(
        """
def written(number):
    digits, rest = "", abs(number)
    while rest:
        digits = "0123456789abcdef"[rest % $base] + digits
        rest //= $base
    digits = digits or "0"
    groups = []
    while digits:
        groups.insert(0, digits[-$size:])
        digits = digits[:-$size]
    text = $mark.join(groups)
    return $negative.format(text) if number < 0 else text
""",
        base=base,
        size=size,
        mark=repr(mark),
        negative=repr(negative),
    )
    more = " Digits beyond 9 are the small letters from a on." if base > 10 else ""
    return Draft(
        name="written",
        parameters=[Parameter("number", "int", "the number")],
        returns="str",
        story=f"Write a whole number in base {base}, in groups of {size} digits from the right with {mark!r} between them (the first group may "
        f"be shorter). A negative number is written as {negative.format('…')!r} with its absolute value in place of the dots.{more}",
        idea="I find the digits by dividing again and again, cut them into groups from the right, and mark negative numbers last.",
        source=source,
        inputs=[
            (value,)
            for value in (rng.randint(1000, 10**6), -rng.randint(100, 10**5), 0, base, -1, base**size, rng.randint(10**8, 10**12))
        ],
    )  # fmt: skip


def dates(rng: random.Random) -> Draft:
    """Days between two dates that fall on some weekdays."""
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    rest = sorted(rng.sample(range(7), rng.randint(1, 3)))
    told = " and ".join(names[day] for day in rest)
    returns, asked, result = one_of(
        rng,
        [
            ("int", "how many working days there are", "len(days)"),
            ("int", "the sum of the days of the month (1 to 31) of all working days", "sum(day.day for day in days)"),
            ("str", "the last working day, written as DD.MM.YYYY, or 'none'",
             "days[-1].strftime('%d.%m.%Y') if days else 'none'"),
            ("list[str]", "the working days that are the first working day of their month, written as YYYY-MM-DD, in order",
             "[str(day) for day, before in zip(days, [None, *days]) if before is None or day.month != before.month]"),
        ]
    )  # fmt: skip
    if returns == "list[str]":
        asked = (
            "in order and written as YYYY-MM-DD, for each month the first of its working days from `first` to `last`"
        )
    source = filled(
        """
from datetime import date, timedelta


def working_days(first, last):
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    days = []
    while day <= end:
        if day.weekday() not in $rest:
            days.append(day)
        day += timedelta(days=1)
    return $result
""",
        rest=rest,
        result=result,
    )
    inputs: list[tuple[str, ...]] = []
    for length in (10, 40, 0, 1, 100, 365, 800):
        day = date(rng.randint(1990, 2040), rng.randint(1, 12), rng.randint(1, 28))
        inputs.append((str(day), str(day + timedelta(days=length))))
    return Draft(
        name="working_days",
        parameters=[Parameter("first", "str", "the first day"), Parameter("last", "str", "the last day")],
        returns=returns,
        story=f"Two days are given as YYYY-MM-DD, the first not after the last. All days count as working days but {told}. "
        f"From the first to the last day, both included, give {asked}.",
        idea="I step through the days with datetime, keep the working days, and read the result off that list.",
        source=source,
        inputs=inputs,
    )


def runs(rng: random.Random) -> Draft:
    """Repeated characters written shorter."""
    least, before = rng.randint(2, 4), rng.random() < 0.5
    mark = rng.choice("*^:=")
    form = f"count + {mark!r} + character" if before else f"character + {mark!r} + count"
    told = f"its length, {mark!r} and the character" if before else f"the character, {mark!r} and its length"
    source = filled(
        """
from itertools import groupby


def shorten(text):
    result = ""
    for character, group in groupby(text):
        length = len(list(group))
        count = str(length)
        result += $form if length >= $least else character * length
    return result
""",
        form=form,
        least=least,
    )
    return Draft(
        name="shorten",
        parameters=[TEXT],
        returns="str",
        story=f"A run is a stretch of one character that is as long as can be. Give the text with each run of {least} or more characters "
        f"replaced by {told}; shorter runs stay as they are.",
        idea="I group equal neighbours and write each group as it is or shortened, by its length.",
        source=source,
        inputs=[("".join(rng.choice("abcd") * rng.randint(1, 6) for _ in range(count)),) for count in (4, 6, 1, 9, 12, 20, 40)],
    )  # fmt: skip


def brackets(rng: random.Random) -> Draft:
    """Brackets of other shapes, and how they close."""
    pairs = rng.sample(["()", "[]", "{}", "<>", "/\\"], rng.randint(2, 4))
    options: list[tuple[Kind, str, str, str]] = [
        ("bool", "whether all brackets are closed, each by its own kind and in the right order", "False", "not waiting"),
        ("int", "how deep they are nested at most, or -1 if a bracket is not closed, or closed by another kind or too early",
         "-1", "-1 if waiting else deepest"),
        ("int", "the place, from 0, of the first closing bracket that does not fit the last open one (or comes when none is "
         "open); else the length of the text", "place", "len(text)"),
    ]  # fmt: skip
    returns, asked, broken, result = rng.choice(options)
    source = filled(
        """
def nesting(text):
    closing = $closing
    waiting, deepest = [], 0
    for place, character in enumerate(text):
        if character in closing:
            waiting.append(closing[character])
            deepest = max(deepest, len(waiting))
        elif character in closing.values():
            if not waiting or waiting.pop() != character:
                return $broken
    return $result
""",
        closing={pair[0]: pair[1] for pair in pairs},
        broken=broken,
        result=result,
    )
    return Draft(
        name="nesting",
        parameters=[TEXT],
        returns=returns,
        story=f"In a text these pairs are brackets: {' '.join(pairs)}. All other characters do not count. Give {asked}.",
        idea="I keep a stack of the closing brackets that I wait for, and compare each closing one with its top.",
        source=source,
        inputs=[(_nested(rng, pairs, count),) for count in (2, 3, 4, 1, 6, 9, 14, 20)],
    )


def _nested(rng: random.Random, pairs: list[str], count: int) -> str:
    text = ""
    for _ in range(count):
        first, second = rng.choice(pairs)
        text = rng.choice([f"{first}{text}{second}", f"{text}{first}x{second}", f"{first}{second}{text}"])
    if rng.random() < 0.5:
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice("".join(pairs)) + text[place + 1 :]
    return text
