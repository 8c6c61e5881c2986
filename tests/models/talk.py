"""A conversation with all that a wire must render: images, native calls (one broken), an empty reply, neighbours."""

from __future__ import annotations

from codeact.types import Image, Message, NativeCall, NativeResult, Text, ToolSpec

PIXEL = Image(b"\x89PNG\r\n\x1a\n")

LOOK_UP = ToolSpec(
    name="look_up",
    signature="(country: str) -> float",
    doc="Tax rate of a country — in per cent.",
    schema={"type": "object", "properties": {"country": {"type": "string"}}, "required": ["country"]},
)

TALK = (
    Message.of("system", "You are a careful agent."),
    Message.of("user", "Where is the phone cheapest? Überall?"),
    Message.of("user", "Here is a picture.", [PIXEL]),
    Message(
        "assistant",
        (
            Text("I look up two rates."),
            NativeCall("call_1", "look_up", '{"country": "FR"}'),
            NativeCall("call_2", "look_up", '{"country": "D'),
        ),
    ),
    Message("tool", (NativeResult("call_1", "20.0", (PIXEL,)), NativeResult("call_2", "ValueError: broken JSON"))),
    Message.of("assistant", ""),
    Message.of("user", "Go on."),
    Message("assistant", (NativeCall("call_3", "look_up", ""),)),
    Message("tool", (NativeResult("call_3", ""),)),
)
