"""Families of counting, probability, number theory and sequences."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, permutations, product
from random import Random

from codeact.tasks.math.problem import Problem, nonzero, total


def arrangements(rng: Random, level: int) -> Problem:
    """Arrangements of letters in which equal ones stand apart."""
    others = rng.sample("BCDEFGHKLMNPRST", rng.randint(1 + level, 2 + level))
    times = rng.randint(2, 2 + (level > 1))
    word = "".join(rng.sample(["A"] * times + others, times + len(others)))
    return Problem(
        text=f"In how many ways can the letters of {word} be arranged so that no two A's stand side by side?",
        value=Fraction(math.factorial(len(others)) * math.comb(len(others) + 1, times)),
        again=Fraction(sum("AA" not in "".join(found) for found in set(permutations(word)))),
        solve=(
            "from itertools import permutations\n\n"
            f'words = {{"".join(letters) for letters in permutations("{word}")}}\n'
            'answer = sum("AA" not in found for found in words)'
        ),
        check=(
            f"from math import comb, factorial\n\napart = factorial({len(others)}) * comb({len(others)} + 1, {times})\n"
            "print(apart)\nagree = apart == answer"
        ),
        plan=f"There are only {len(word)} letters, so I can list all arrangements and count those without AA.",
        doubt=f"The other {len(others)} letters come in any order, and the A's go into different gaps between them.",
    )


def urn(rng: Random, level: int) -> Problem:
    """Balls drawn without putting them back."""
    red, blue = rng.randint(3, 4 + level), rng.randint(3, 4 + level)
    drawn = rng.randint(2, min(red, blue, 2 + level))
    wanted = rng.randint(1, drawn)
    at_least = level > 1 and rng.random() < 0.5
    amounts = range(wanted, drawn + 1) if at_least else (wanted,)
    ways = sum(math.comb(red, count) * math.comb(blue, drawn - count) for count in amounts)
    hands = Counter(sum(hand) for hand in combinations([1] * red + [0] * blue, drawn))
    how, sign = ("at least", ">=") if at_least else ("exactly", "==")
    return Problem(
        text=(
            f"An urn holds {red} red and {blue} blue balls. {drawn} of them are drawn at random, none is put back. "
            f"What is the probability that {how} {wanted} of them {'is' if wanted == 1 else 'are'} red? "
            "Give a fraction in lowest terms."
        ),
        value=Fraction(ways, math.comb(red + blue, drawn)),
        again=Fraction(sum(hands[count] for count in amounts), hands.total()),
        solve=(
            "from fractions import Fraction\nfrom itertools import combinations\n\n"
            f"hands = list(combinations([1] * {red} + [0] * {blue}, {drawn}))\n"
            f"answer = Fraction(sum(sum(hand) {sign} {wanted} for hand in hands), len(hands))"
        ),
        check=(
            "from math import comb\n\n"
            f"ways = sum(comb({red}, k) * comb({blue}, {drawn} - k) for k in range({drawn} + 1) if k {sign} {wanted})\n"
            f"agree = Fraction(ways, comb({red + blue}, {drawn})) == answer"
        ),
        plan="All hands of that size are equally likely. I list them with red as 1 and count.",
        doubt="Counting with binomial coefficients must give the same fraction.",
    )


def dice(rng: Random, level: int) -> Problem:
    """The sum of several dice."""
    count, sides = 1 + level, rng.choice((4, 6, 8)) if level < 3 else rng.choice((4, 6))
    divisor = rng.randint(3, 7)
    rolls = Counter(sum(roll) % divisor for roll in product(range(1, sides + 1), repeat=count))
    return Problem(
        text=(
            f"{count} fair dice with {sides} sides, numbered from 1, are rolled. What is the probability that the sum "
            f"is divisible by {divisor}? Give a fraction in lowest terms."
        ),
        value=Fraction(_sums(sides, count, divisor), sides**count),
        again=Fraction(rolls[0], rolls.total()),
        solve=(
            "from fractions import Fraction\nfrom itertools import product\n\n"
            f"rolls = list(product(range(1, {sides} + 1), repeat={count}))\n"
            f"answer = Fraction(sum(sum(roll) % {divisor} == 0 for roll in rolls), len(rolls))"
        ),
        check=(
            "from collections import Counter\n\nsums = Counter({0: 1})\n"
            f"for _ in range({count}):\n    grown = Counter()\n    for before, ways in sums.items():\n"
            f"        for side in range(1, {sides} + 1):\n            grown[before + side] += ways\n    sums = grown\n"
            f"hits = sum(ways for value, ways in sums.items() if value % {divisor} == 0)\n"
            f"agree = Fraction(hits, {sides} ** {count}) == answer"
        ),
        plan=f"There are {sides}^{count} equally likely rolls, few enough to list.",
        doubt="As a check I build up the distribution of the sum die by die.",
    )


def divisors(rng: Random, level: int) -> Problem:
    """Divisors of a number that are multiples of another."""
    primes = rng.sample((2, 3, 5, 7), 1 + level)
    powers = {prime: rng.randint(1, 5 - level) + (prime == 2) for prime in primes}
    number = math.prod(prime**power for prime, power in powers.items())
    step = primes[0]
    by_powers = powers[step] * math.prod(power + 1 for prime, power in powers.items() if prime != step)
    return Problem(
        text=f"How many positive divisors of {number} are multiples of {step}?",
        value=Fraction(by_powers),
        again=Fraction(sum(number % candidate == 0 for candidate in range(step, number + 1, step))),
        solve=(
            f"import sympy as sp\n\nfound = [d for d in sp.divisors({number}) if d % {step} == 0]\nprint(found)\n"
            "answer = len(found)"
        ),
        check=(
            f"powers = sp.factorint({number})\n"
            f"count = sp.prod(power if prime == {step} else power + 1 for prime, power in powers.items())\n"
            "print(powers, count)\nagree = count == answer"
        ),
        plan="I list the divisors and keep the multiples.",
        doubt=f"From the prime factors: such a divisor has at least one {step}, and the other exponents are free.",
    )


def remainders(rng: Random, level: int) -> Problem:
    """The smallest number with given remainders."""
    moduli = sorted(rng.sample((5, 7, 8, 9, 11, 13, 17), 1 + level))
    while math.lcm(*moduli) != math.prod(moduli):  # no family of these has a common divisor; kept for who adds one
        moduli = sorted(rng.sample((5, 7, 8, 9, 11, 13, 17), 1 + level))
    left = [rng.randint(1, modulus - 1) for modulus in moduli]
    whole = math.prod(moduli)
    by_theorem = sum(rest * (whole // m) * pow(whole // m, -1, m) for m, rest in zip(moduli, left, strict=True)) % whole
    parts = [f"{rest} when divided by {m}" for m, rest in zip(moduli, left, strict=True)]
    fits = " and ".join(f"n % {m} == {rest}" for m, rest in zip(moduli, left, strict=True))
    fitting = (n for n in range(1, whole + 1) if all(n % m == r for m, r in zip(moduli, left, strict=True)))
    return Problem(
        text=f"What is the smallest positive integer with remainder {', '.join(parts[:-1])} and {parts[-1]}?",
        value=Fraction(by_theorem or whole),
        again=Fraction(next(fitting)),
        solve=f"answer = next(n for n in range(1, {whole} + 1) if {fits})",
        check=(
            f"from sympy.ntheory.modular import crt\n\nfound, period = crt({moduli}, {left})\nprint(found, period)\n"
            "agree = found == answer"
        ),
        plan="The moduli have no common divisor, so one number below their product fits. I search for it.",
        doubt="The Chinese remainder theorem gives it directly; both should agree.",
    )


def power_remainder(rng: Random, level: int) -> Problem:
    """The remainder of a large power."""
    base, exponent, modulus = rng.randint(2, 20), rng.randint(50, 10 ** (1 + level)), rng.randint(7, 40 * level)
    step = 1
    for _ in range(exponent):
        step = step * base % modulus
    return Problem(
        text=f"What is the remainder when ${base}^{{{exponent}}}$ is divided by {modulus}?",
        value=Fraction(pow(base, exponent, modulus)),
        again=Fraction(step),
        solve=f"answer = pow({base}, {exponent}, {modulus})",
        check=(
            f"value = 1\nfor _ in range({exponent}):\n    value = value * {base} % {modulus}\nprint(value)\n"
            "agree = value == answer"
        ),
        plan="Python's pow with three arguments reduces on the way, so the large power is no problem.",
        doubt="I multiply step by step instead, which is slow but simple.",
    )


def recurrence(rng: Random, level: int) -> Problem:
    """A term of a sequence that is made from the two before it."""
    first, second, p, q = rng.randint(1, 9), rng.randint(1, 9), nonzero(rng, 4), nonzero(rng, 4)
    index = rng.randint(4 + 3 * level, 5 + 5 * level)
    before, term = first, second
    for _ in range(index - 2):
        before, term = term, p * term + q * before
    body = total([p, q], ["a_{n-1}", "a_{n-2}"])
    return Problem(
        text=(
            f"A sequence has $a_1 = {first}$, $a_2 = {second}$ and $a_n = {body}$ for $n \\ge 3$. "
            f"What is $a_{{{index}}}$?"
        ),
        value=Fraction(_by_matrix(first, second, p, q, index)),
        again=Fraction(term),
        solve=(
            f"terms = [{first}, {second}]\nwhile len(terms) < {index}:\n"
            f"    terms.append({p} * terms[-1] + {q} * terms[-2])\nprint(terms)\nanswer = terms[-1]"
        ),
        check=(
            "import sympy as sp\n\n"
            f"step = sp.Matrix([[{p}, {q}], [1, 0]]) ** {index - 2}\n"
            f"by_matrix = (step * sp.Matrix([{second}, {first}]))[0]\n"
            "print(by_matrix)\nagree = by_matrix == answer"
        ),
        plan="I just follow the rule term by term.",
        doubt="The rule is a matrix; its power, applied to the first two terms, gives the same one.",
    )


def _sums(sides: int, count: int, divisor: int) -> int:
    """Rolls whose sum is divisible, built up die by die."""
    ways = [1] + [0] * (divisor - 1)
    for _ in range(count):
        ways = [sum(ways[(rest - side) % divisor] for side in range(1, sides + 1)) for rest in range(divisor)]
    return ways[0]


def _by_matrix(first: int, second: int, p: int, q: int, index: int) -> int:
    a, b, c, d = 1, 0, 0, 1  # a power of [[p, q], [1, 0]]
    for bit in f"{index - 2:b}":
        a, b, c, d = a * a + b * c, a * b + b * d, c * a + d * c, c * b + d * d
        if bit == "1":
            a, b, c, d = a * p + b, a * q, c * p + d, c * q
    return a * second + b * first
