"""Families of algebra: systems, polynomials and their roots, coefficients, inequalities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from random import Random

from codeact.tasks.math.problem import Problem, nonzero, powers, total


def linear_system(rng: Random, level: int) -> Problem:
    """A system with one whole solution, and a sum of its unknowns."""
    size, most = (2, 9) if level == 1 else (3, 5 * level)
    names = ["x", "y", "z"][:size]
    solution = [rng.randint(-most, most) for _ in names]
    while not _determinant(rows := [[nonzero(rng, most) for _ in names] for _ in names]):
        pass
    right = [sum(factor * value for factor, value in zip(row, solution, strict=True)) for row in rows]
    weights = [nonzero(rng, 4) for _ in names]
    lines = ", \\quad ".join(f"{total(row, names)} = {value}" for row, value in zip(rows, right, strict=True))
    equations = ", ".join(f"sp.Eq({total(row, names, '*')}, {value})" for row, value in zip(rows, right, strict=True))
    unknowns = ", ".join(names)
    return Problem(
        text=f"Let $${lines}.$$ What is ${total(weights, names)}$?",
        value=Fraction(sum(weight * value for weight, value in zip(weights, solution, strict=True))),
        again=sum((weight * value for weight, value in zip(weights, _cramer(rows, right), strict=True)), Fraction(0)),
        solve=(
            f"import sympy as sp\n\n{unknowns} = sp.symbols({' '.join(names)!r})\nequations = [{equations}]\n"
            f"solution = sp.solve(equations, [{unknowns}])\nprint(solution)\n"
            f"answer = ({total(weights, names, '*')}).subs(solution)"
        ),
        check=(
            f"import numpy as np\n\nvalues = np.linalg.solve({rows}, {right})\n"
            f"agree = abs(np.dot({weights}, values) - float(answer)) < 1e-6"
        ),
        plan=f"This is a linear system in {unknowns}. I let sympy solve it exactly and then form the sum asked for.",
        doubt="I check it numerically: numpy should give the same sum.",
    )


def root_sums(rng: Random, level: int) -> Problem:
    """A polynomial with whole roots: the sum of their squares or of their reciprocals."""
    roots = sorted(rng.sample([number for number in range(-9, 10) if number], level + 1))
    factors = _expanded(roots)
    inverse = level > 1 and rng.random() < 0.5
    what, power = ("reciprocals", -1) if inverse else ("squares", 2)
    by_vieta = Fraction(-factors[-2], factors[-1]) if inverse else Fraction(factors[1] ** 2 - 2 * factors[2])
    degree = len(roots)
    return Problem(
        text=f"What is the sum of the {what} of the roots of ${total(factors, powers('x', degree))}$?",
        value=sum((Fraction(root) ** power for root in roots), Fraction(0)),
        again=by_vieta,
        solve=(
            f'import sympy as sp\n\nx = sp.symbols("x")\nf = {total(factors, powers("x", degree, "**"), "*")}\n'
            f"roots = sp.roots(f, x)\nprint(roots)\n"
            f"answer = sum(count * sp.Integer(1) * root ** ({power}) for root, count in roots.items())"
        ),
        check=(
            f"import numpy as np\n\nnumeric = np.roots({factors})\nprint(numeric)\n"
            f"agree = abs(sum(numeric ** ({float(power)})) - float(answer)) < 1e-6"
        ),
        plan="I find the exact roots first; then the sum is easy.",
        doubt="Let me compare with the numeric roots.",
    )


def surd_root(rng: Random, level: int) -> Problem:
    """The larger root of a quadratic, which is irrational."""
    middle, factor, inside = rng.randint(1, 9), rng.randint(1, 2 * level + 1), rng.choice((2, 3, 5, 6, 7, 10, 11))
    lead = rng.randint(1, level)
    constant = middle**2 - factor**2 * inside
    factors = [lead, -2 * middle * lead, constant * lead]
    root = inside if factor == 1 else f"{factor}\\sqrt{{{inside}}}"
    written = f"{middle} + \\sqrt{{{inside}}}" if factor == 1 else f"{middle} + {root}"
    discriminant = factors[1] ** 2 - 4 * factors[0] * factors[2]
    return Problem(
        text=(
            f"What is the larger root of ${total(factors, powers('x', 2))} = 0$? "
            "Give it exactly, in simplest radical form."
        ),
        value=middle + factor * math.sqrt(inside),
        again=(-factors[1] + math.sqrt(discriminant)) / (2 * lead),
        written=written,
        solve=(
            f'import sympy as sp\n\nx = sp.symbols("x")\n'
            f"roots = sp.solve({total(factors, powers('x', 2, '**'), '*')}, x)\nprint(roots)\nanswer = max(roots)"
        ),
        check=(
            f"a, b, c = {', '.join(map(str, factors))}\nby_formula = (-b + (b * b - 4 * a * c) ** 0.5) / (2 * a)\n"
            "print(by_formula, float(answer))\nagree = abs(by_formula - float(answer)) < 1e-9"
        ),
        plan="I solve the quadratic exactly and take the larger of the two roots.",
        doubt="The formula for quadratics, in decimals, should agree.",
    )


def coefficient(rng: Random, level: int) -> Problem:
    """A coefficient of a product of two powers of binomials."""
    (a, n), (b, m) = ((nonzero(rng, 4), rng.randint(2 + level, 4 + 2 * level)) for _ in range(2))
    place = rng.randint(2, n + m - 2)
    by_binomials = sum(
        math.comb(n, i) * a**i * math.comb(m, place - i) * b ** (place - i)
        for i in range(max(0, place - m), min(n, place) + 1)
    )
    product = _product([_power([1, a], n), _power([1, b], m)])
    first, second = total([1, a], ["", "x"]), total([1, b], ["", "x"])
    code = [total([1, number], ["", "x"], "*") for number in (a, b)]
    return Problem(
        text=f"What is the coefficient of $x^{{{place}}}$ in the expansion of $({first})^{{{n}}} ({second})^{{{m}}}$?",
        value=Fraction(by_binomials),
        again=Fraction(product[place]),
        solve=(
            f'import sympy as sp\n\nx = sp.symbols("x")\n'
            f"answer = sp.expand(({code[0]})**{n} * ({code[1]})**{m}).coeff(x, {place})"
        ),
        check=(
            "from math import comb\n\n"
            f"terms = [comb({n}, i) * ({a})**i * comb({m}, {place} - i) * ({b})**({place} - i)\n"
            f"         for i in range({n} + 1) if 0 <= {place} - i <= {m}]\nprint(terms)\nagree = sum(terms) == answer"
        ),
        plan="Expanding the product and reading the coefficient is the direct way.",
        doubt=f"By the binomial theorem it is a sum over how many of the {place} factors x come from the first power.",
    )


def inequality(rng: Random, level: int) -> Problem:
    """How many whole numbers satisfy a quadratic inequality."""
    low = rng.randint(-12, 3)
    high, room = low + rng.randint(2, 5 * level), rng.randint(1, 12 * level)
    factors = [1, -(low + high), low * high - room]
    width = factors[1] ** 2 - 4 * factors[2]  # of the roots' distance, squared
    reach = math.isqrt(width)
    parity = (low + high) % 2  # n lies within half of `width`'s root of the middle (low + high) / 2
    by_formula = 2 * ((reach + parity) // 2) + (1 - parity)
    return Problem(
        text=f"How many integers $n$ satisfy ${total(factors, powers('n', 2))} \\le 0$?",
        value=Fraction(by_formula),
        again=Fraction(sum(n * n + factors[1] * n + factors[2] <= 0 for n in range(-500, 500))),
        solve=(
            f"inside = [n for n in range(-500, 500) if {total(factors, powers('n', 2, '**'), '*')} <= 0]\n"
            "print(inside)\nanswer = len(inside)"
        ),
        check=(
            f"from math import ceil, floor, sqrt\n\nhalf = sqrt({width}) / 2\nmiddle = {low + high} / 2\n"
            "print(middle - half, middle + half)\nagree = floor(middle + half) - ceil(middle - half) + 1 == answer"
        ),
        plan="The parabola opens upwards, so only finitely many integers count. I list them.",
        doubt="They must be exactly the integers between the two roots.",
    )


def _determinant(rows: Sequence[Sequence[int]]) -> int:
    if len(rows) == 1:
        return rows[0][0]
    minors = ([row[:column] + row[column + 1 :] for row in map(list, rows[1:])] for column in range(len(rows)))
    return sum((-1) ** column * rows[0][column] * _determinant(minor) for column, minor in enumerate(minors))


def _cramer(rows: Sequence[Sequence[int]], right: Sequence[int]) -> list[Fraction]:
    def replaced(column: int) -> list[list[int]]:
        return [[*row[:column], value, *row[column + 1 :]] for row, value in zip(rows, right, strict=True)]

    return [Fraction(_determinant(replaced(column)), _determinant(rows)) for column in range(len(rows))]


def _expanded(roots: Sequence[int]) -> list[int]:
    """The factors of the polynomial with these roots, from the highest power."""
    return _product([[1, -root] for root in roots])


def _power(factors: list[int], times: int) -> list[int]:
    return _product([factors] * times)


def _product(polynomials: Sequence[Sequence[int]]) -> list[int]:
    result = [1]
    for polynomial in polynomials:
        grown = [0] * (len(result) + len(polynomial) - 1)
        for i, left in enumerate(result):
            for j, right in enumerate(polynomial):
                grown[i + j] += left * right
        result = grown
    return result
