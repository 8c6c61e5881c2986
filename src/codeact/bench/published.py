"""What the paper published, by model and format: other people's measurements, made with the original's harness.

M3ToolEval: the 82 tasks, unlimited answers within ten turns, the original's checker with its defects. API-Bank: 399
scored samples of the level with descriptions given; the original's parsers cap a perfect model at 92.0 % in JSON,
84.5 % in code and 83.0 % in text. The numbers are those of the authors' published notebooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeact.actions import FORMATS

SOURCE = "Wang et al., Executable Code Actions Elicit Better LLM Agents, ICML 2024 (arXiv 2402.01030)"


@dataclass(frozen=True, slots=True)
class PublishedCell:
    success: float  # per cent
    turns: float | None = None  # mean over all tasks; None where an episode is one call


@dataclass(frozen=True, slots=True)
class PublishedRow:
    model: str
    formats: Mapping[str, PublishedCell]


def published(suite: str) -> Sequence[PublishedRow]:
    """The paper's rows for a suite; none for one that the paper did not have."""
    return _ROWS.get(suite, ())


def is_same_model(ours: str, theirs: str) -> bool:
    """Whether our `provider:name` is the model that the paper calls so."""
    return ours.rpartition(":")[2].rpartition("/")[2].casefold() == theirs.casefold()


def _rows(table: str) -> Sequence[PublishedRow]:
    return tuple(
        PublishedRow(model, {actions: _cell(text) for actions, text in zip(FORMATS, cells, strict=True)})
        for model, *cells in (line.split() for line in table.strip().splitlines())
    )


def _cell(text: str) -> PublishedCell:
    success, _, turns = text.partition("/")
    return PublishedCell(float(success), float(turns) if turns else None)


# model, then success in per cent and mean turns in code, json and text
_M3TOOLEVAL = """
CodeLlama-7b-Instruct-hf   4.9/9.7   2.4/9.9   2.4/9.9
CodeLlama-13b-Instruct-hf  4.9/9.8   4.9/9.8   4.9/9.7
CodeLlama-34b-Instruct-hf  2.4/9.9   0.0/10.0  0.0/10.0
Llama-2-7b-chat-hf         0.0/8.9   1.2/9.5   2.4/9.6
Llama-2-13b-chat-hf        0.0/9.7   0.0/10.0  0.0/10.0
Llama-2-70b-chat-hf        11.0/9.1  3.7/9.8   3.7/9.8
Mistral-7B-Instruct-v0.1   0.0/10.0  3.7/9.8   1.2/9.9
lemur-70b-chat-v1          13.4/9.1  15.9/9.3  12.2/9.4
claude-2                   54.9/7.2  39.0/8.3  29.3/8.5
claude-instant-1           20.7/8.8  31.7/8.6  24.4/8.9
gemini-pro                 22.0/8.8  19.5/9.1  11.0/9.5
gpt-3.5-turbo-0613         51.2/7.0  26.8/8.8  20.7/9.2
gpt-3.5-turbo-1106         29.3/8.4  15.9/9.0  14.6/9.0
gpt-4-0613                 67.1/6.6  56.1/7.6  45.1/8.0
gpt-4-1106-preview         74.4/5.5  52.4/7.6  53.7/7.7
text-davinci-002           4.9/9.7   4.9/9.8   8.5/9.6
text-davinci-003           20.7/9.2  18.3/9.0  7.3/9.6
"""
_API_BANK = """
CodeLlama-7b-Instruct-hf   12.53 12.03 17.04
CodeLlama-13b-Instruct-hf  11.78  7.77 14.04
CodeLlama-34b-Instruct-hf  17.29 12.03 16.79
Llama-2-7b-chat-hf         28.82 11.28 25.81
Llama-2-13b-chat-hf        38.10  8.52 37.34
Llama-2-70b-chat-hf        35.59 14.29 37.59
Mistral-7B-Instruct-v0.1    2.51  2.26  3.01
lemur-70b-chat-v1          58.65 46.62 56.14
claude-2                   76.69 59.40 73.68
claude-instant-1           75.19 64.91 73.18
gemini-pro                 70.43 73.18 71.18
gpt-3.5-turbo-0613         74.44 73.93 73.43
gpt-3.5-turbo-1106         75.44 78.45 73.43
gpt-4-0613                 75.44 81.95 74.44
gpt-4-1106-preview         76.69 82.71 73.43
text-davinci-002           69.17 59.65 57.39
text-davinci-003           75.44 76.94 69.67
"""
_ROWS = {"m3tooleval": _rows(_M3TOOLEVAL), "apibank": _rows(_API_BANK)}
