"""Generated decoder, DNA and trade tasks."""

from __future__ import annotations

import random
from dataclasses import dataclass

from codeact.tasks.answers import CENTS
from codeact.tasks.m3gen.dial import Dial, Draft, draft
from codeact.tasks.m3tooleval import dna
from codeact.tasks.m3tooleval.decoder import caesar_decode, convert_hex_to_ascii, reverse_string
from codeact.tasks.m3tooleval.trade import calculator
from codeact.tasks.naming import words

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
DEAR = 500  # credits


@dataclass(frozen=True, slots=True)
class Layer:
    """One cover of a text: what it looks like from above, what is told about it, and what takes it off."""

    above: str
    told: str
    undo: str  # over `text`


def decoder(rng: random.Random, dial: Dial) -> Draft:
    """A text behind `calls` layers. Branching: the last layer's shift depends on the letter that is seen by then."""
    secret = text = "".join(rng.choice(ALPHABET) for _ in range(max(dial.size, 4)))
    layers: list[Layer] = []
    for depth in reversed(range(dial.calls)):
        layers.append(_layer(rng, text, depth, innermost=dial.branching and depth == dial.calls - 1))
        text = layers[-1].above
    layers.reverse()
    lines = [f'text = "{text}"', *(f"text = {layer.undo}" for layer in layers), "result = text"]
    told = "; ".join(layer.told for layer in layers)
    return draft(
        f"Decode {text}. It is covered by these layers, to be undone in this order: {told}. What is the text below?",
        "\n".join(lines),
        secret,
        lambda: (convert_hex_to_ascii, reverse_string, caesar_decode),
    )


def _layer(rng: random.Random, text: str, depth: int, *, innermost: bool) -> Layer:
    shift = rng.randint(1, 25)
    if innermost:
        return _depending(rng, text, shift)
    if depth == 0:
        return Layer(text.encode().hex(), "hexadecimal", "convert_hex_to_ascii(text)")
    if rng.random() < 0.5:
        return Layer(text[::-1], "writing it backwards", "reverse_string(text)")
    return Layer(caesar_decode(text, -shift), f"a Caesar shift of {shift}", f"caesar_decode(text, {shift})")


def _depending(rng: random.Random, text: str, shift: int) -> Layer:
    """A shift that is told only to whoever has taken off what lies above."""
    above = caesar_decode(text, -shift)
    other = rng.choice([number for number in range(1, 26) if number != shift])
    holds = rng.random() < 0.5
    first = above[0] if holds else rng.choice(ALPHABET.replace(above[0], ""))
    yes, no = (shift, other) if holds else (other, shift)
    return Layer(
        above,
        f"a Caesar shift of {yes} if the text then begins with {first!r}, else of {no}",
        f'caesar_decode(text, {yes} if text[0] == "{first}" else {no})',
    )


def sequences(rng: random.Random, dial: Dial) -> Draft:
    """The mRNA of the sequence with most G. Branching: its translation back, if it begins with A or C."""
    length = max(dial.size, 12)
    found = ["".join(rng.choice("ACGT") for _ in range(length)) for _ in range(max(dial.calls - 1, 1))]
    chosen = max(found, key=lambda one: one.count("G"))
    turned = chosen.translate(str.maketrans("ACGU", "TGCA"))
    value = turned if dial.branching and chosen[0] in "AC" else dna.transcribe_dna_to_mrna(chosen)
    pick = "the DNA sequence" if dial.calls == 1 else "the DNA sequence with the most G (the first of equal ones)"
    act = "Transcribe it to mRNA."
    if dial.branching:
        act = "If it begins with A or C, reverse-transcribe it as if it were mRNA; else transcribe it to mRNA."
    counted = "[count_nucleotides(one).get('G', 0) for one in sequences]" if dial.calls > 1 else "[0]"
    last = "transcribe_dna_to_mrna(chosen)"
    if dial.branching:
        last = f'reverse_transcribe_mrna_to_dna(chosen) if chosen[0] in "AC" else {last}'
    program = f"sequences = {found}\ncounts = {counted}\nchosen = sequences[counts.index(max(counts))]\nresult = {last}"
    return draft(
        f"Take {pick} of: {', '.join(found)}. {act} What is the outcome?",
        program,
        value,
        lambda: (dna.count_nucleotides, dna.transcribe_dna_to_mrna, dna.reverse_transcribe_mrna_to_dna),
    )


def trade(rng: random.Random, dial: Dial) -> Draft:
    """The value of goods whose prices have to be asked for. Branching: dear goods are reduced."""
    goods = words(rng, max(dial.calls - 1, 1))
    prices = {name: rng.randint(1000, 99999) / 100 for name in [*goods, *words(rng, dial.size, 8)]}

    def price_of(item: str) -> float:
        """The price of one unit of an item, in credits."""
        if item not in prices:
            raise ValueError(f"nobody sells {item!r}")
        return prices[item]

    amounts = {name: rng.randint(2, 90) for name in goods}
    reduced = {name: 0.9 if dial.branching and prices[name] > DEAR else 1 for name in goods}
    rule = f" Goods with a price above {DEAR} credits are 10 % cheaper." if dial.branching else ""
    if dial.calls == 1:
        question, value = f"What is the price of one unit of {goods[0]}, before any reduction?", prices[goods[0]]
        program = f'result = price_of("{goods[0]}")'
    else:
        question = (
            f"What do these cost together: {', '.join(f'{amounts[name]} units of {name}' for name in goods)}?{rule}"
        )
        value = sum(amounts[name] * prices[name] * reduced[name] for name in goods)
        factor = f"(0.9 if price > {DEAR} else 1)" if dial.branching else "1"
        program = (
            f"terms = []\nfor name, amount in {amounts}.items():\n    price = price_of(name)\n"
            f'    terms.append(f"{{amount}} * {{price}} * {{{factor}}}")\nresult = calculator(" + ".join(terms))'
        )
    return draft(question, program, value, lambda: (price_of, calculator), CENTS)
