r"""Text of strangers, made harmless for the prompt that it goes into: output of code, results of tools, an answer that
code has given.

A history is a list of messages, so nothing in a message can end it; but a chat template writes the list as one text,
and many servers read that text's special tokens wherever they stand. Output that holds `<|im_end|>` could then end the
user's turn and begin another role's. So a backslash goes behind the first character of whatever looks like such a
token: `<\|im_end|>` reads as before and is none. The same for a line that is our own heading of an observation.

Covers the tokens of the families of models named below, by their general forms. Does not cover words: a text can still
ask a model to do something.
"""

from __future__ import annotations

import re

_MARKER = re.compile(
    r"""
    <\|[^|<>\n]{1,64}\|>                          # ChatML, Llama 3, Phi, gpt-oss: <|im_start|>, <|eot_id|>
  | <｜[^｜<>\n]{1,64}｜>                          # DeepSeek: <｜User｜>
  | </?(?:s|bos|eos|pad|unk|mask|sep|cls)>        # Llama 2, Mistral, Gemma, BERT
  | </?(?:start|end)_of_(?:turn|image|text)>      # Gemma
  | \[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|IMG)\]   # Mistral
  | <</?SYS>>                                     # Llama 2
  | </?(?:think|tool_call|tool_response|tools)>   # Qwen, and many after it
  | ^Observation:[ \t]*$                          # ours: see `history`
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)


def defused(text: str) -> str:
    """`text` without anything that a chat template, or our own prompt, would take for structure."""
    if "<" not in text and "[" not in text and "bservation" not in text.lower():
        return text
    return _MARKER.sub(lambda found: f"{found[0][0]}\\{found[0][1:]}", text)
