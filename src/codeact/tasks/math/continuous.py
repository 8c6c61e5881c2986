"""Families of geometry, calculus, optimisation and statistics."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from random import Random

from codeact.tasks.math.problem import Problem, nonzero, powers, total

Point = tuple[int, int]


def lattice_points(rng: Random, level: int) -> Problem:
    """Points with whole coordinates inside a triangle."""
    reach = 4 + 4 * level
    while True:
        a, b, c = ((rng.randint(-reach, reach), rng.randint(-reach, reach)) for _ in range(3))
        if abs(_twice_area(a, b, c)) > 4 * level:
            break
    edge = sum(math.gcd(p[0] - q[0], p[1] - q[1]) for p, q in ((a, b), (b, c), (c, a)))
    inside = sum(_within(a, b, c, (x, y)) for x in range(-reach, reach + 1) for y in range(-reach, reach + 1))
    return Problem(
        text=(
            f"A triangle has its corners at ${a}$, ${b}$ and ${c}$. How many points with two integer coordinates lie "
            "strictly inside it?"
        ),
        value=(Fraction(abs(_twice_area(a, b, c))) - edge + 2) / 2,
        again=Fraction(inside),
        solve=(
            f"a, b, c = {a}, {b}, {c}\n\n"
            "def side(p, q, r):\n    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])\n\n"
            "def inside(r):\n    signs = [side(a, b, r), side(b, c, r), side(c, a, r)]\n"
            "    return all(s > 0 for s in signs) or all(s < 0 for s in signs)\n\n"
            f"answer = sum(inside((x, y)) for x in range(-{reach}, {reach} + 1) for y in range(-{reach}, {reach} + 1))"
        ),
        check=(
            "from math import gcd\n\ntwice_area = abs(side(a, b, c))\n"
            "edge = sum(gcd(p[0] - q[0], p[1] - q[1]) for p, q in [(a, b), (b, c), (c, a)])\nprint(twice_area, edge)\n"
            "agree = (twice_area - edge + 2) / 2 == answer"
        ),
        plan="A point is inside if it is on the same side of all three edges. I count them one by one.",
        doubt="Pick's theorem gives the same number from the area and the points on the edges.",
    )


def median_length(rng: Random, level: int) -> Problem:
    """The square of a median of a triangle, of its sides."""
    while True:
        a, b, c = (rng.randint(4, 10 * level + 5) for _ in range(3))
        if a + b > c and b + c > a and c + a > b:
            break
    x = Fraction(b * b + a * a - c * c, 2 * a)  # with B, C on the axis and C at 0: where A stands
    height = Fraction(b * b) - x * x
    return Problem(
        text=(
            f"In triangle $ABC$ the sides are $BC = {a}$, $CA = {b}$ and $AB = {c}$. Let $M$ be the midpoint of $BC$. "
            "What is $AM^2$?"
        ),
        value=Fraction(2 * b * b + 2 * c * c - a * a, 4),
        again=(x - Fraction(a, 2)) ** 2 + height,
        solve=(
            f'import sympy as sp\n\na, b, c = {a}, {b}, {c}\nx, y = sp.symbols("x y", real=True)\n'
            "corner = sp.solve([x**2 + y**2 - b**2, (x - a)**2 + y**2 - c**2], [x, y])[0]\nprint(corner)\n"
            "answer = sp.simplify((corner[0] - sp.Rational(a, 2))**2 + corner[1]**2)"
        ),
        check=(
            "by_formula = sp.Rational(2 * b**2 + 2 * c**2 - a**2, 4)\nprint(by_formula)\nagree = by_formula == answer"
        ),
        plan="I put C at the origin and B on the x-axis, find A from its two distances, and measure to the midpoint.",
        doubt="The formula for the length of a median must give the same.",
    )


def integral(rng: Random, level: int) -> Problem:
    """A definite integral of a polynomial."""
    degree = 1 + level
    factors = [nonzero(rng, 6), *(rng.randint(-6, 6) for _ in range(degree))]
    low = rng.randint(-3, 1)
    high = low + rng.randint(1, 1 + level)
    return Problem(
        text=f"Evaluate $\\int_{{{low}}}^{{{high}}} ({total(factors, powers('x', degree))})\\,dx$.",
        value=_primitive(factors, high) - _primitive(factors, low),
        again=_boole(factors, low, high),
        solve=(
            f'import sympy as sp\n\nx = sp.symbols("x")\nf = {total(factors, powers("x", degree, "**"), "*")}\n'
            f"answer = sp.integrate(f, (x, {low}, {high}))"
        ),
        check=(
            "from scipy.integrate import quad\n\n"
            f"numeric, _ = quad(lambda t: float(sp.sympify(f).subs(x, t)), {low}, {high})\nprint(numeric)\n"
            "agree = abs(numeric - float(answer)) < 1e-6"
        ),
        plan="I integrate exactly with sympy.",
        doubt="A numeric integral should be close to it.",
    )


def greatest_value(rng: Random, level: int) -> Problem:
    """The greatest value of a cubic on an interval; its turning points are whole."""
    p = rng.randint(-4, 2)
    q, constant = p + rng.randint(1, 1 + level), rng.randint(-20, 20)
    factors = [2, -3 * (p + q), 6 * p * q, constant]
    low, high = p - rng.randint(1, 2 + level), q + rng.randint(1, 2 + level)
    candidates = [_value(factors, point) for point in (low, p, q, high)]
    return Problem(
        text=f"What is the greatest value of ${total(factors, powers('x', 3))}$ for ${low} \\le x \\le {high}$?",
        value=max(candidates),
        again=max(_value(factors, Fraction(step, 4)) for step in range(4 * low, 4 * high + 1)),
        solve=(
            f'import sympy as sp\n\nx = sp.symbols("x")\nf = {total(factors, powers("x", 3, "**"), "*")}\n'
            f"turning = [r for r in sp.solve(sp.diff(f, x), x) if {low} <= r <= {high}]\nprint(turning)\n"
            f"answer = max(f.subs(x, point) for point in [{low}, {high}, *turning])"
        ),
        check=(
            f"import numpy as np\n\ngrid = np.linspace({low}, {high}, 100_001)\n"
            f"highest = np.polyval({factors}, grid).max()\nprint(highest)\nagree = abs(highest - float(answer)) < 1e-3"
        ),
        plan="The greatest value is at an end of the interval or where the derivative is zero. I compare those.",
        doubt="On a fine grid nothing should be higher.",
    )


def spread(rng: Random, level: int) -> Problem:
    """The variance of a short list, or the mean distance from its median."""
    numbers = [rng.randint(-10, 30) for _ in range(3 + 2 * level)]
    count = len(numbers)
    if rng.random() < 0.5:
        what = "variance (the mean of the squared distances from the mean)"
        value = Fraction(sum(n * n for n in numbers), count) - Fraction(sum(numbers), count) ** 2
        again = statistics.pvariance(map(Fraction, numbers))
        second = (
            "mean = Fraction(sum(numbers), len(numbers))\nfound = sum((n - mean) ** 2 for n in numbers) / len(numbers)"
        )
        first = "pvariance([Fraction(n) for n in numbers])"
    else:
        what = "mean of the distances from the median"
        middle = sorted(numbers)[count // 2]
        value = Fraction(sum(abs(n - middle) for n in numbers), count)
        # Around the median, distances are what the larger half has more than the smaller half.
        ranked = sorted(numbers)
        again = Fraction(sum(ranked[count // 2 + 1 :]) - sum(ranked[: count // 2]), count)
        first = "Fraction(sum(abs(n - median(numbers)) for n in numbers), len(numbers))"
        second = (
            "ranked, half = sorted(numbers), len(numbers) // 2\n"
            "found = Fraction(sum(ranked[half + 1:]) - sum(ranked[:half]), len(numbers))"
        )
    return Problem(
        text=f"What is the {what} of the numbers {', '.join(map(str, numbers))}? Give it exactly.",
        value=value,
        again=again,
        solve=(
            f"from fractions import Fraction\nfrom statistics import median, pvariance\n\nnumbers = {numbers}\n"
            f"answer = {first}"
        ),
        check=f"{second}\nprint(found)\nagree = found == answer",
        plan="I compute it with exact fractions, so that nothing is rounded.",
        doubt="I do it once more by another formula.",
    )


def _twice_area(a: Point, b: Point, c: Point) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _within(a: Point, b: Point, c: Point, point: Point) -> bool:
    sides = [_twice_area(a, b, point), _twice_area(b, c, point), _twice_area(c, a, point)]
    return all(side > 0 for side in sides) or all(side < 0 for side in sides)


def _value(factors: list[int], x: Fraction | int) -> Fraction:
    found = Fraction(0)
    for factor in factors:
        found = found * x + factor
    return found


def _primitive(factors: list[int], x: int) -> Fraction:
    degree = len(factors) - 1
    terms = (Fraction(factor * x ** (degree - i + 1), degree - i + 1) for i, factor in enumerate(factors))
    return sum(terms, Fraction(0))


def _boole(factors: list[int], low: int, high: int) -> Fraction:
    """Boole's rule, which is exact up to the fifth degree."""
    step = Fraction(high - low, 4)
    weighted = zip((7, 32, 12, 32, 7), range(5), strict=True)
    return (
        2 * step / 45 * sum((weight * _value(factors, low + place * step) for weight, place in weighted), Fraction(0))
    )
