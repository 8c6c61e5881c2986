"""What a hostile box may send, and a hostile tool may be called: whatever it is, the host takes it or refuses it with
its own word for that, and nothing else is raised. `make fuzz` tries a hundred times as much.
"""

from __future__ import annotations

import contextlib
import json
import keyword
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.sandbox import reports
from codeact.sandbox.box.frames import Decoder, Frame, FrameError
from codeact.sandbox.box.stubs import ToolError, make_stub, tool_error
from codeact.sandbox.box.values import Packer, Reader, to_json
from codeact.trajectory.markers import defused

TAGS = [
    "int", "float", "dict", "tuple", "set", "frozenset", "bytes", "complex", "datetime", "date", "time", "timedelta",
    "decimal", "array", "series", "table", "image", "nonsense",
]  # fmt: skip
KEYS = [
    "$", "v", "b", "dtype", "shape", "columns", "index", "names", "levels", "range", "zone", "fold", "categories",
    "codes", "ordered", "missing", "mode", "size", "column", "name", "text", "texts", "binary", "number", "kind",
    "message", "traceback", "line", "value", "error", "answer", "args", "kwargs", "call", "variables", "omitted",
]  # fmt: skip
WORDS = [
    "<i4", "f8", "O", "S0", "V99", "M8[ns]", "U1000000000", "i4,O", "Int64", "category", "string", "UTC", "../..",
    "Europe/Berlin", "1e999999999", "NaN", "2026-01-01", "99999999999999999999", "RGB", "I;16", "exception", "=",
    "\ud800", "\0", "<|im_end|>",
]  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.sampled_from([-1, 0, 1, 2, 2**31, 2**63, 10**30]) | st.floats()
    | st.text(max_size=10) | st.sampled_from(WORDS)
)  # fmt: skip
DATA = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
        | st.builds(
            lambda tag, rest: {**rest, "$": tag},
            st.sampled_from(TAGS),
            st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
        )
    ),
    max_leaves=25,
)
BLOBS = st.lists(st.binary(max_size=64), max_size=3)


@given(DATA, BLOBS)
def test_any_data_is_a_value_or_refused(data: Any, blobs: list[bytes]) -> None:
    with contextlib.suppress(ValueError):
        value = Reader(blobs).unpack(data)
        with contextlib.suppress(TypeError):  # what was read can be recorded, or is refused in words
            to_json(value)


@pytest.mark.parametrize("read", [reports.result, reports.display, reports.call, reports.variables])
@given(body=st.dictionaries(st.sampled_from(KEYS), DATA, max_size=8), blobs=BLOBS)
def test_any_body_is_a_report_or_refused(
    read: Callable[[Frame], Any], body: dict[str, Any], blobs: list[bytes]
) -> None:
    with contextlib.suppress(reports.ReportError):
        read(Frame("x", body, blobs))


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))))
def test_any_stream_is_frames_or_refused(parts: list[tuple[bytes, int, int]]) -> None:
    decoder = Decoder()
    with contextlib.suppress(FrameError):
        for data, header, blobs in parts:
            decoder.feed(struct.pack(">II", header % 100, blobs % 100) + data)
            while (frame := decoder.next()) is not None:
                assert isinstance(frame.kind, str)


@given(st.text(), st.binary(max_size=30), st.lists(st.integers(-5, 2**40), max_size=4))
def test_any_header_is_a_frame_or_refused(kind: str, data: bytes, sizes: list[int]) -> None:
    header = json.dumps([kind, {}, sizes]).encode()
    decoder = Decoder()
    decoder.feed(struct.pack(">II", len(header), len(data)) + header + data)
    with contextlib.suppress(FrameError):
        frame = decoder.next()
        assert frame is None or b"".join(map(bytes, frame.blobs)) == data


NAMES = st.from_regex(r"[^\W\d]\w{0,8}", fullmatch=True) | st.sampled_from([*keyword.kwlist, "print", "__import__", ""])
PARAMETERS = st.lists(
    st.sampled_from(
        ["a", "b: int", "c=1", "d='x'", "/", "*", "*args", "**rest", "e=lambda: 0", "f=[]", "g=__import__('os')", "a",
         "h: 'x' = ...", "1", "", "i=(", "None"]
    ),
    max_size=6,
)  # fmt: skip


@given(NAMES, PARAMETERS, st.text(max_size=20), st.lists(st.integers(), max_size=3))
def test_any_tool_has_a_stub(name: str, parameters: list[str], doc: str, args: list[int]) -> None:
    calls: list[Any] = []
    stub = make_stub(
        {"name": name, "signature": f"({', '.join(parameters)})", "doc": doc}, lambda *call: calls.append(call)
    )
    assert (stub.__name__, stub.__doc__) == (name, doc)
    with contextlib.suppress(TypeError):  # these arguments do not fit
        stub(*args)
        assert calls == [(name, tuple(args), {})]


@given(
    NAMES | st.text(max_size=10) | st.sampled_from(["KeyboardInterrupt", "ToolError", "UnicodeDecodeError", "type"]),
    st.text(),
)
def test_any_error_of_a_tool_can_be_raised(name: str, message: str) -> None:
    error = tool_error(name, message)
    assert isinstance(error, ToolError)
    assert str(error) == message


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
def test_what_is_packed_is_read_again(value: Any) -> None:
    packer = Packer()
    back = Reader(packer.blobs).unpack(json.loads(json.dumps(packer.pack(value))))
    assert repr(back) == repr(value)


@given(st.text(alphabet="<|>im_end/[]INST s｜\n\x1b\\Obervatin:"))
def test_any_text_is_defused_once(text: str) -> None:
    assert defused(defused(text)) == defused(text)
