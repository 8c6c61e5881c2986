"""The typed judge: every way of writing the right value passes, everything near it does not."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeact.tasks import CENTS, Expected, Workbench, reached
from codeact.types import Answer

NOWHERE = Workbench()


def judged(expected: Expected, text: str, value: object = None) -> bool:
    return expected(Answer(text, value), NOWHERE).correct


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (
            68.71,
            ["68.71", "$68.71", "68.71 credits", "**68.71**", "`68.71`", "68.710", "The answer is 68.71.", "68.714"],
        ),
        (8100.0, ["8100", "8,100", "8100.0", "$8,100.00", "Answer: 8100", "8.1e3", "np.float64(8100.0)"]),
        (-3, ["-3", "−3", "-3.0"]),
        (987, ["987", "987.", "'987'", "987.0"]),
        ("Invalid DNA sequence", ["Invalid DNA sequence", '"Invalid DNA sequence"', "Invalid  DNA sequence."]),
        (False, ["False", "false", "no", "False."]),
        ([36380.0, 48150.0], ["[36380, 48150]", "36380, 48150", "36,380, 48,150", "36380,48150", "(36380.0, 48150.0)"]),
        (("A", 3), ["('A', 3)", '["A", 3]', "A, 3", "(A, 3)"]),
        ({"T": 1, "A": 2}, ["{'T': 1, 'A': 2}", '{"A": 2, "T": 1}', "T: 1, A: 2", "{T: 1, A: 2}"]),
    ],
)
def test_the_right_value_passes_however_it_is_written(value: object, texts: list[str]) -> None:
    wrong = [text for text in texts if not judged(Expected(value, CENTS), text)]
    assert wrong == []


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (
            161.25,
            ["161", "161.3", "161.26", "157.5", "161.25 or 157.5", "about 161.25", "[161.25]", "True", "", "1e999"],
        ),
        (380.41999999999996, ["380", "380.43", "380.41", "380.4"]),
        (1, ["True", "one", "1.1"]),
        (3, ["4", "3.01", "3 or 4", "33"]),
        (1050, ["1,05,0", "10,50", "1050,"]),
        ("fchahcufcu", ["fchahcufc", "FCHAHCUFCU", "it says fchahcufcu", "fchahcufcu fchahcufcu"]),
        (False, ["0", "None", "True", ""]),
        ([36380.0, 48150.0], ["[48150, 36380]", "[36380]", "[36380, 48150, 0]", "36380", "[36380, 48150.01]"]),
        (("A", 3), ["A", "('A', 4)", "('a', 3)", "(3, 'A')", "('A', 3, 'C')"]),
        ({"T": 1, "A": 2}, ["{'T': 1}", "{'T': 1, 'A': 2, 'C': 0}", "{'T': 2, 'A': 1}", "T: 1, T: 1"]),
    ],
)
def test_a_near_miss_does_not_pass(value: object, texts: list[str]) -> None:
    passed = [text for text in texts if judged(Expected(value, CENTS), text)]
    assert passed == []


def test_letter_case_counts_unless_it_is_said_not_to() -> None:
    assert judged(Expected("Thomas Ramos", any_case=True), "thomas ramos")
    assert not judged(Expected("KMPP"), "kmpp")


def test_a_typed_value_goes_before_its_text() -> None:
    assert judged(Expected(68.71, CENTS), "whatever it is shown as", 68.71)
    assert not judged(Expected(68.71, CENTS), "68.71", 68)
    assert not judged(Expected(1), "1", True)
    assert judged(Expected(("A", 3)), "…", ["A", 3])
    assert judged(Expected(68.71), "68.71", "68.71")  # code that gave the number as a text
    assert judged(Expected("123456"), "123456", 123456)  # and a text of digits as a number
    assert not judged(Expected("0042"), "42", 42)


def test_no_answer_is_no_success() -> None:
    assert not Expected(None)(None, NOWHERE).correct
    assert not reached(Answer("done"), Workbench(succeeded=False)).correct
    assert reached(None, Workbench(succeeded=True)).correct


cents = st.integers(-(10**9), 10**9).map(lambda whole: whole / 100)
words = st.text("abcXYZ ", min_size=1, max_size=12).filter(lambda word: word.strip() == word and "  " not in word)


@given(cents)
def test_a_number_passes_as_python_text_and_with_separators(number: float) -> None:
    for text in (repr(number), f"{number:,.2f}", f"{number:.2f}", f" {number} "):
        assert judged(Expected(number, CENTS), text), text


@given(cents, cents)
def test_another_number_never_passes(number: float, other: float) -> None:
    assume(abs(number - other) > 0.009)
    assert not judged(Expected(number, CENTS), repr(other))
    assert not judged(Expected(number, CENTS), "…", other)


@given(st.lists(cents, min_size=1, max_size=5), st.data())
def test_a_list_passes_in_its_order_only(numbers: list[float], data: st.DataObject) -> None:
    assert judged(Expected(numbers, CENTS), repr(numbers))
    assert judged(Expected(numbers, CENTS), ", ".join(f"{number:,.2f}" for number in numbers))
    other = data.draw(st.permutations(numbers))
    assume(any(abs(one - two) > 0.009 for one, two in zip(numbers, other, strict=True)))
    assert not judged(Expected(numbers, CENTS), repr(other))


@given(words, words)
def test_a_word_passes_as_itself_only(word: str, other: str) -> None:
    assert judged(Expected(word), f"**{word}**.")
    assert judged(Expected(word), repr(word))
    assume(word != other)
    assert not judged(Expected(word), other)


@given(
    st.text(),
    st.sampled_from([1.5, 7, True, "word", [1.0, 2.0], ("A", 3), {"T": 1}]),
)
def test_no_text_breaks_the_judge(text: str, value: object) -> None:
    judged(Expected(value), text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from([1.5, 7, True, "word", [1.0, 2.0], ("A", 3), {"T": 1}]),
)
def test_no_value_breaks_the_judge(given_value: object, value: object) -> None:
    judged(Expected(value), "…", given_value)


def test_a_huge_number_breaks_nothing() -> None:
    assert not judged(Expected(1.5), "9" * 10_000)
    assert not judged(Expected(1.5), "…", 10**400)
