"""Output as it is produced: whole lines where nothing can be taken back, at once where it can."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from codeact.cli.panes import MAX_SHOWN, OutputPane, code_block


def shown(*pieces: str, terminal: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, color_system=None, width=60, legacy_windows=False)
    pane = OutputPane(console, immediate=terminal)
    for piece in pieces:
        pane.write(piece)
    pane.finish()
    return stream.getvalue()


def test_lines_come_behind_a_bar() -> None:
    assert shown("a\nb", "c\n") == "│ a\n│ bc\n"
    assert shown("a\nb", "c\n", terminal=True) == "│ a\n│ bc\n"


def test_an_unfinished_line_is_ended() -> None:
    assert shown("no newline") == "│ no newline\n"
    assert shown("no newline", terminal=True) == "│ no newline\n"


def test_a_progress_bar_leaves_its_last_state() -> None:
    assert shown("10 %\r", "50 %\r", "100 %\n", "done\n") == "│ 100 %\n│ done\n"
    drawn = shown("10 %\r", "100 %\n", terminal=True)
    assert drawn.count("\n") == 1
    assert drawn.endswith("│ 100 %\n")


def test_windows_line_ends_are_line_ends_also_when_cut_in_two() -> None:
    assert shown("a\r", "\nb\r\n") == "│ a\n│ b\n"
    assert shown("a\r", "\nb\r\n", terminal=True) == "│ a\n│ b\n"


def test_a_flood_is_cut_and_counted() -> None:
    text = "x" * 99 + "\n"
    drawn = shown(*[text] * 2000)
    assert len(drawn) < MAX_SHOWN * 1.1
    assert "160,000 more characters are not shown here" in drawn


def test_long_lines_are_not_broken_outside_a_terminal() -> None:
    assert shown("y" * 500 + "\n") == "│ " + "y" * 500 + "\n"


@given(st.lists(st.text(alphabet=st.sampled_from("ab \n\r\x1b[31m\x07"), max_size=20), max_size=8))
def test_the_same_text_in_any_pieces_reads_the_same(pieces: list[str]) -> None:
    assert shown(*pieces) == shown("".join(pieces))
    assert "\x07" not in shown(*pieces, terminal=True)


def test_code_keeps_its_indentation_and_blank_lines() -> None:
    stream = io.StringIO()
    Console(file=stream, width=60).print(code_block("if x:\n\n    y = 1\n"), soft_wrap=True)
    assert stream.getvalue() == "┃ if x:\n┃ \n┃     y = 1\n"
