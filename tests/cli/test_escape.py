"""Nothing that a model or a box writes can drive the terminal."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from codeact.cli.escape import harmless


@given(st.text())
def test_only_tabs_and_newlines_are_left_of_all_control_characters(text: str) -> None:
    left = {character for character in harmless(text) if unicodedata.category(character) == "Cc"}
    assert left <= {"\t", "\n"}


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cf"))))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_colours_vanish_and_other_sequences_become_visible() -> None:
    assert harmless("\x1b[1;31mred\x1b[0m") == "red"
    assert harmless("\x1b]0;title\x07") == "␛]0;title␇"
    assert harmless("\x9b2J") == "\ufffd2J"
    assert harmless("one\r\ntwo") == "one\ntwo"
    assert harmless("hidden\rshown") == "hidden␍shown"


def test_text_cannot_be_reordered() -> None:
    """Trojan Source: code that reads differently from what runs."""
    assert "\u202e" not in harmless("access = 'user\u202e \u2066# only admins\u2069 \u2066'")
