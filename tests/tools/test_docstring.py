"""Parameter descriptions out of the docstring styles that are in use."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeact.tools.docstring import parameter_descriptions

GOOGLE = """Look it up.

    Args:
        country: The country's name,
            in English: "Japan".
        *years (list[int], optional): Which years.
        **options: Anything else.

    Returns:
        country: not a parameter.
"""
NUMPY = """Look it up.

    Parameters
    ----------
    country : str
        The country's name,
        in English: "Japan".
    *years : int, optional
        Which years.
    **options
        Anything else.

    Returns
    -------
    country : str
        Not a parameter.
"""
SPHINX = """Look it up.

    :param str country: The country's name,
        in English: "Japan".
    :param years: Which years.
    :type years: int
    :param options: Anything else.
    :returns: country: not a parameter.
"""


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_each_style_gives_the_same(doc: str) -> None:
    assert parameter_descriptions(doc, ["country", "years", "options", "other"]) == {
        "country": 'The country\'s name, in English: "Japan".',
        "years": "Which years.",
        "options": "Anything else.",
    }


def test_numpy_describes_several_at_once() -> None:
    doc = "X.\n\nParameters\n----------\na, b : int\n    Two numbers."
    assert parameter_descriptions(doc, ["a", "b"]) == {"a": "Two numbers.", "b": "Two numbers."}


def test_only_known_parameters_count() -> None:
    assert parameter_descriptions("Args:\n    note: see below.\n    x: one.", ["x"]) == {"x": "one."}


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet=" \nab:(-)*_Args\tParameters:param", max_size=80))
def test_no_docstring_breaks_it(doc: str) -> None:
    assert set(parameter_descriptions(doc, ["a", "b"])) <= {"a", "b"}
