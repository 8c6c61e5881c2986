"""Secrets that got into a line of a log, by whatever way, are taken out before it is written."""

from __future__ import annotations

import logging
import re
from typing import Final

_SECRETS: Final = (
    re.compile(r"\b(ca[ct]_)[\w-]+"),  # our tokens and cookies
    re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}"),
    re.compile(r"\b(sk-|gh[pousr]_|hf_|AKIA|xox[abp]-)[\w-]{8,}"),  # keys as the vendors mark them
    re.compile(r"(?i)\b((?:api[_-]?key|token|password|secret|code)['\"]?\s*[=:]\s*['\"]?)[^\s'\"&,;]{6,}"),
    re.compile(r"(\w://[^\s/:@]*:)[^\s/@]+(?=@)"),  # the password in the address of a database
)


def redacted(text: str) -> str:
    for secret in _SECRETS:
        text = secret.sub(r"\1***", text)
    return text


class RedactingFormatter(logging.Formatter):
    """Redacts the whole of what is written, a traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))
