"""`--limit NAME=VALUE`: the words of `Limits`, with units for people."""

import pytest

from codeact.cli.limits import parse_limits
from codeact.errors import UsageError
from codeact.sandbox import Limits

GiB = 1 << 30


def test_limits_are_given_in_the_words_of_the_library() -> None:
    given = ["memory=2GiB", "total-memory=3g", "workspace=512 MB", "cpu_time=1.5", "processes=20", "output=65536"]
    assert parse_limits(given) == Limits(
        memory=2 * GiB, total_memory=3 * GiB, workspace=GiB // 2, cpu_time=1.5, processes=20, output=65536
    )
    assert parse_limits([]) == Limits()
    assert parse_limits(["processes=20", "processes=30"]).processes == 30


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("memory", "NAME=VALUE"),
        ("size=3", "NAME is one of memory, total_memory, cpu_time"),
        ("memory=lots", "'lots' is not a size, as in 2GiB"),
        ("memory=-1", "memory=-1 is too low"),
        ("processes=2.5", "'2.5' is not a whole number"),
        ("cpu_time=soon", "'soon' is not seconds"),
        ("cpu_time=nan", "cpu_time=nan is too low"),
        ("total_memory=512M", "lower the first or raise the second"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(given: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_limits([given])
