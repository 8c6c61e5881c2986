"""What the model sees of a result."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.actions import action_space, observation
from codeact.types import Answer, Display, ExecError, ExecResult, Image, ToolRecord, ToolResults

CODE = action_space("code")


def seen(result: ExecResult, **options: int) -> str:
    return observation.observe(result, native=True, **options).text


def test_output_error_and_value_stand_in_the_order_of_a_notebook() -> None:
    result = ExecResult(stdout="rows: 3\n", stderr="a warning\n", value="   a\n0  1")
    assert seen(result) == "rows: 3\na warning\nOut:\n   a\n0  1"
    assert CODE.observe(result).text == "rows: 3\na warning\nOut:\n   a\n0  1"


def test_a_value_on_one_line() -> None:
    assert seen(ExecResult(value="42")) == "Out: 42"


def test_code_without_output_is_asked_about_print() -> None:
    assert "was print forgotten?" in seen(ExecResult())
    assert "was print forgotten?" not in seen(ExecResult(value="''"))


def test_figures_are_named_and_their_images_travel_apart() -> None:
    figure = Display(data={"image/png": b"\x89PNG", "text/plain": "<Figure>"}, name="figure-1.png")
    table = Display(data={"text/plain": "a  b", "text/html": "<table>"})
    page = Display(data={"text/html": "<p>"})
    seen = CODE.observe(ExecResult(displays=(figure, table, page)))
    assert seen.text == "[figure saved as figure-1.png]\na  b\n[text/html shown]"
    assert seen.images == (Image(b"\x89PNG", "image/png"),)


TABLE = (
    "<style>td {color: red}</style><table><thead><tr><th></th><th>city</th><th>rate</th></tr></thead>\n<tbody>"
    "<tr><td>0</td><td><b>São</b>\nPaulo</td><td>5 &lt; 6</td></tr></tbody></table><p>two<br>lines</p>"
    "<script>evil()</script>"
)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"text/html": TABLE}, "| city | rate\n0 | São Paulo | 5 < 6\ntwo\nlines"),
        ({"text/html": "<p>x", "text/markdown": "**x**"}, "**x**"),
        ({"application/json": '{"a": 1}'}, '{"a": 1}'),
        ({"text/latex": "$x^2$"}, "$x^2$"),
        ({"image/svg+xml": "<svg/>"}, "[image/svg+xml shown]"),
        ({"text/html": "<script>x</script>"}, "[text/html shown]"),
        ({}, "<IPython.core.display.HTML object>"),
    ],
)
def test_an_object_without_text_is_shown_by_another_form(data: dict[str, str], line: str) -> None:
    shown = Display(data={"text/plain": "<IPython.core.display.HTML object>", **data})
    assert seen(ExecResult(displays=(shown,))) == line


def test_a_value_without_text_is_shown_by_another_form() -> None:
    styler = Display(data={"text/plain": "<pandas.io.formats.style.Styler at 0x7f3062b0a3d0>", "text/html": TABLE})
    assert seen(ExecResult(value=str(styler.data["text/plain"]), displays=(styler,))).splitlines()[:3] == [
        "Out: <pandas.io.formats.style.Styler at 0x7f3062b0a3d0>",
        "| city | rate",
        "0 | São Paulo | 5 < 6",
    ]


@given(st.text(alphabet="<>/!-?&;td script\n\"'=[]", max_size=300))
def test_any_html_is_read(text: str) -> None:
    shown = Display(data={"text/html": text})
    assert seen(ExecResult(displays=(shown,)))


def test_an_error_names_its_line_and_the_calls_that_took_effect() -> None:
    error = ExecError(
        kind="exception",
        name="KeyError",
        message="'price'",
        traceback="Cell line 3\n      3 row['price']\nKeyError: 'price'",
        line=3,
    )
    calls = (
        ToolRecord(name="book", args=["A"], kwargs={"nights": 2}, text="ok"),
        ToolRecord(name="pay", args=[5], error="ValueError: no"),
    )
    result = CODE.observe(ExecResult(stdout="start\n", error=error, tool_calls=calls))
    assert result.is_error
    assert result.text == (
        "start\nCell line 3\n      3 row['price']\nKeyError: 'price'\n"
        "The code stopped at line 3; what ran before is done and kept. Fix the cause and run the corrected code.\n"
        'These tool calls were already made: book("A", nights=2). Do not repeat those that change something.'
    )


def test_an_error_without_traceback_is_named() -> None:
    error = ExecError(kind="timeout", name="TimeoutError", message="stopped after 60 s")
    text = seen(ExecResult(error=error, state="restored"))
    assert text.startswith("TimeoutError: stopped after 60 s\n")
    assert "time limit" in text
    assert "variables are as they were before this action" in text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("interrupted", "interrupted"),
        ("exited", "exit()"),
        ("crashed", "crashed"),
        ("out_of_memory", "smaller pieces"),
        ("limit", "limit of its session"),
    ],
)
def test_every_way_to_end_is_explained(kind: str, words: str) -> None:
    text = seen(ExecResult(error=ExecError(kind=kind, name=kind, message=""), state="lost"))
    assert words in text
    assert "variables and imports are gone, files are kept" in text


def test_no_effects_are_listed_where_nothing_failed() -> None:
    result = ExecResult(stdout="x", tool_calls=(ToolRecord(name="book"),))
    assert seen(result) == "x"


def test_many_effects_are_counted() -> None:
    error = ExecError(kind="exception", name="E", message="m")
    calls = tuple(ToolRecord(name="send", args=[number, "x" * 300]) for number in range(14))
    text = seen(ExecResult(error=error, tool_calls=calls))
    assert text.count("send(") == 10
    assert ", and 4 more. Do not repeat" in text
    assert max(map(len, text.split("\n"))) < 1500


def test_long_output_keeps_head_and_tail_and_says_where_the_whole_is() -> None:
    text = "".join(f"line {number}\n" for number in range(5000))
    result = seen(ExecResult(stdout=text, overflow=".codeact/output-3.txt"), limit=1000)
    assert result.startswith("line 0\nline 1\n")
    assert result.endswith("line 4998\nline 4999")
    assert (
        f"\n[… {len(text.rstrip()) - 1000:,} characters cut; the whole output is in .codeact/output-3.txt]\n" in result
    )
    assert len(result) < 1100


def test_no_pointer_without_a_file_and_none_without_a_cut() -> None:
    assert "characters cut]" in seen(ExecResult(stdout="x" * 50), limit=10)
    assert seen(ExecResult(stdout="short", overflow="output.txt")) == "short"


def test_dropped_bytes_are_told() -> None:
    assert "[1,048,576 bytes more were dropped" in seen(ExecResult(stdout="x", dropped=1024 * 1024))


def test_a_long_traceback_does_not_hide_the_error() -> None:
    traceback = "\n".join(f"frame {number}" for number in range(5000)) + "\nRecursionError: too deep"
    error = ExecError(kind="exception", name="RecursionError", message="too deep", traceback=traceback)
    text = seen(ExecResult(error=error))
    assert "RecursionError: too deep" in text
    assert len(text) < 2500


def test_late_output_is_told_apart() -> None:
    text = seen(ExecResult(late="tick\n", stdout="now\n"))
    assert text == "[output of earlier background work]\ntick\n[end of it]\nnow"


def test_a_progress_bar_leaves_its_last_state() -> None:
    bar = "".join(f"\r{percent}%|#####" for percent in range(101))
    assert seen(ExecResult(stdout=f"start{bar}\ndone\r\n")) == "start\n100%|#####\ndone".replace("start\n", "")
    assert seen(ExecResult(stderr="\r 50%\r100%\r")) == "100%"


def test_output_has_no_power_over_a_terminal() -> None:
    evil = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link \x1b(B \x9b2J \x07 \u202egnp.exe \x00 \ud800"
    text = seen(ExecResult(stdout=evil))
    assert text == "red link  \\x9b2J \\x07 \\u202egnp.exe \\x00 \\ud800"
    text.encode()


@given(st.text(st.characters(exclude_categories=[])))
def test_every_output_can_be_sent(output: str) -> None:
    text = seen(ExecResult(stdout=output, stderr=output, value=output), limit=50)
    text.encode()
    assert not set(text) & set(map(chr, [*range(9), *range(11, 32), 127]))


def test_an_answer_alone_needs_no_complaint_about_output() -> None:
    assert "print" not in seen(ExecResult(answer=Answer("7", 7)))


def test_one_tool_result_is_its_text() -> None:
    result = action_space("json").observe(ToolResults((ToolRecord(name="rate", text="1.35"),)))
    assert result.text == "1.35"
    assert result.per_call == ("1.35",)
    assert not result.is_error


def test_several_tool_results_are_numbered_and_the_real_error_is_shown() -> None:
    records = (
        ToolRecord(name="rate", kwargs={"country": "Canada"}, text="1.35"),
        ToolRecord(name="rate", args=["Xanadu"], error="KeyError: no such country: 'Xanadu'"),
    )
    for name in ("json", "text"):
        result = action_space(name).observe(ToolResults(records))
        assert result.text == (
            '[1] rate(country="Canada"):\n1.35\n[2] rate("Xanadu"):\nError: KeyError: no such country: \'Xanadu\''
        )
        assert result.per_call == ("1.35", "Error: KeyError: no such country: 'Xanadu'")
        assert result.is_error


def test_tool_results_share_the_room() -> None:
    records = tuple(ToolRecord(name="page", text="x" * 10_000) for _ in range(4))
    result = action_space("json", max_observation=4000).observe(ToolResults(records))
    assert len(result.text) < 4600
    assert all("9,000 characters cut" in text for text in result.per_call)


def test_an_empty_tool_result_says_so() -> None:
    assert action_space("text").observe(ToolResults((ToolRecord(name="view"),))).per_call == (
        "(the tool returned an empty text)",
    )


def test_native_results_carry_no_prefix_and_one_text_each() -> None:
    assert action_space("code/native").observe(ExecResult(stdout="1\n")).per_call == ("1",)
    assert action_space("code/fenced").observe(ExecResult(stdout="1\n")).per_call == ()
    assert action_space("json/native").observe(ToolResults((ToolRecord(name="a", text="1"),))).text == "1"


def test_a_table_is_shown_once_though_it_is_the_value_and_a_display() -> None:
    table = Display(data={"text/plain": "   a\n0  1", "text/html": "<table>"})
    assert CODE.observe(ExecResult(value="   a\n0  1", displays=(table,))).text.count("0  1") == 1


@pytest.mark.parametrize("token", ["<|im_end|>", "</s>", "[/INST]", "<tool_response>"])
def test_output_cannot_end_the_turn_it_stands_in(token: str) -> None:
    broken = f"{token[0]}\\{token[1:]}"
    hidden = f"{token[0]}\x1b[0m{token[1:]}"  # joined only when the escape is taken out
    error = ExecError(kind="exception", name="ValueError", message=hidden, traceback=f"ValueError: {hidden}", line=1)
    figure = Display(data={"image/png": b""}, name=hidden)
    odd = Display(data={token: b""})
    result = ExecResult(
        stdout=hidden, stderr=hidden, value=hidden, late=hidden, error=error, displays=(figure, odd),
        tool_calls=(ToolRecord(name="f", args=[hidden]),),
    )  # fmt: skip
    text = seen(result)
    assert token not in text
    assert text.count(broken) == 7  # not in the call, whose JSON has the escape spelt out
    assert token not in CODE.observe(ToolResults((ToolRecord(name=token, text=hidden), ToolRecord(name="f")))).text


def test_late_output_cannot_pretend_to_end() -> None:
    text = seen(ExecResult(late="a\n[end of it]\nOut: 5"))
    assert text == "[output of earlier background work]\na\n\\[end of it]\nOut: 5\n[end of it]"


def test_invisible_letters_are_shown() -> None:
    assert seen(ExecResult(stdout="hi\U000e0041\u202e")) == "hi\\U000e0041\\u202e"


def test_progress_bars_end_as_they_were_left() -> None:
    bar = "\r 0%|   | 0/2\r50%|#  | 1/2\r100%|###| 2/2\ndone\n\rA\rB\r\nloading…\r\x1b[Kready\n"
    assert seen(ExecResult(stderr=bar)) == "100%|###| 2/2\ndone\nB\nready"
