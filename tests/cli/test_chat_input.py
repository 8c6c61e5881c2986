"""Messages of one line or several, as they are typed or piped."""

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.cli.chat_input import PipedInput, unfenced
from codeact.cli.lines import LineReader

pytestmark = pytest.mark.anyio


async def messages(text: str) -> list[str]:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(text.encode())

    threading.Thread(target=write).start()
    try:
        source = PipedInput(LineReader(reading))
        found: list[str] = []
        while (message := await source.read()) is not None:
            found.append(message)
        return found
    finally:
        os.close(reading)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\ntwo", ["one", "two"]),
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("", []),
        ("\n\nafter blanks\n", ["", "", "after blanks"]),
        ("goes \\\non\n", ["goes \non"]),
        ('"""\ndef f():\n    return 1\n"""\nnext\n', ["def f():\n    return 1", "next"]),
        ('"""in one line"""\nnext\n', ["in one line", "next"]),
        ('"""never closed\nto the end\n', ["never closed\nto the end"]),
        ("cut \\", ["cut \\"]),
        ("\u00e4\u00f6\u00fc\n", ["äöü"]),
    ],
)
async def test_piped_messages(text: str, expected: list[str]) -> None:
    assert await messages(text) == expected


async def test_a_file_as_standard_input(tmp_path) -> None:
    path = tmp_path / "messages.txt"
    path.write_text("one\ntwo\n")
    with path.open("rb") as file:
        source = PipedInput(LineReader(file.fileno()))
        assert [await source.read() for _ in range(3)] == ["one", "two", None]


@given(st.text())
def test_quotes_around_a_message_are_not_part_of_it(text: str) -> None:
    assert '"""' not in unfenced(f'"""\n{text.replace(chr(34), "")}\n"""')
