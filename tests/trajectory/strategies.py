"""Trajectories of every shape, for property tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from hypothesis import settings
from hypothesis import strategies as st

from codeact.types import (
    Answer,
    CodeAction,
    Completion,
    Display,
    ExecError,
    ExecResult,
    Image,
    Message,
    NativeCall,
    NativeResult,
    Observation,
    Outcome,
    Reply,
    Step,
    Text,
    ToolCall,
    ToolCalls,
    ToolRecord,
    ToolResults,
    Trajectory,
    Usage,
)

quick = settings(deadline=None, max_examples=50)  # machines differ, and tests do not measure time

words = st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates, NUL and line ends included
numbers = st.floats(allow_nan=False)
counts = st.integers(0, 10**9)
moments = st.datetimes(timezones=st.just(UTC))

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    numbers,
    words,
    st.binary(max_size=8),
    st.dates(date(1900, 1, 1)),
    st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC)),
    st.times(time(1)),
)
hashable = st.one_of(scalars, st.tuples(scalars, scalars))
tags = st.sampled_from(["$", "$bytes", "$tuple", "$dict", "$repr", "kind"])
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(words, tags, hashable), inner, max_size=3),
        st.sets(hashable, max_size=3),
        st.frozensets(hashable, max_size=3),
    ),
    max_leaves=8,
)
objects = st.dictionaries(words | tags, anything, max_size=3)


def tuples(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=2).map(tuple)


images = st.builds(Image, st.binary(max_size=8), st.sampled_from(["image/png", "image/svg+xml;charset=utf-8"]))
native_calls = st.builds(NativeCall, words, words, words)
parts = st.one_of(
    st.builds(Text, words), images, native_calls, st.builds(NativeResult, words, words, images=tuples(images))
)
messages = st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), tuples(parts))
usages = st.builds(
    Usage, input_tokens=counts, cached_tokens=counts, output_tokens=counts, cost=st.none() | st.floats(0, 100)
)
completions = st.builds(
    Completion,
    text=words,
    calls=tuples(native_calls),
    reasoning=words,
    finish=st.sampled_from(["stop", "length", "tool_calls", "filtered"]),
    usage=usages,
    model=words,
    latency=numbers,
    first_token=st.none() | numbers,
)
answers = st.builds(Answer, words, anything)
calls = st.builds(ToolCall, words, tuples(anything), objects, words)
actions = st.one_of(st.builds(CodeAction, words), st.builds(ToolCalls, tuples(calls)), answers)
replies = st.builds(Reply, action=actions, thought=words, notes=tuples(words))
errors = st.builds(
    ExecError,
    kind=st.sampled_from(["exception", "timeout", "interrupted", "exited", "crashed", "out_of_memory", "limit"]),
    name=words,
    message=words,
    traceback=words,
    line=st.none() | st.integers(1, 9),
)
displays = st.builds(
    Display,
    data=st.dictionaries(words | tags, words | st.binary(max_size=8), max_size=2),
    name=st.none() | words,
)
records = st.builds(
    ToolRecord,
    name=words,
    args=anything,
    kwargs=anything,
    value=anything,
    text=words,
    error=st.none() | words,
    duration=numbers,
    id=words,
)
results = st.one_of(
    st.builds(ToolResults, tuples(records)),
    st.builds(
        ExecResult,
        stdout=words,
        stderr=words,
        value=st.none() | words,
        displays=tuples(displays),
        error=st.none() | errors,
        answer=st.none() | answers,
        tool_calls=tuples(records),
        dropped=counts,
        overflow=st.none() | words,
        late=words,
        state=st.sampled_from(["kept", "restored", "lost"]),
        duration=numbers,
    ),
)
observations = st.builds(Observation, text=words, images=tuples(images), per_call=tuples(words), is_error=st.booleans())
steps = st.builds(
    Step,
    number=st.integers(1, 99),
    completion=completions,
    reply=st.none() | replies,
    kept=st.none() | words,
    result=st.none() | results,
    observation=st.none() | observations,
    started=moments,
    model_time=numbers,
    action_time=numbers,
)
outcomes = st.builds(
    Outcome,
    status=st.sampled_from(
        ["answered", "turn_limit", "token_limit", "time_limit", "repeated", "malformed", "cancelled", "error"]
    ),
    answer=st.none() | answers,
    message=words,
    usage=usages,
    duration=numbers,
)
trajectories = st.builds(
    Trajectory,
    id=words,
    task=words,
    prompt=tuples(messages),
    steps=tuples(steps),
    outcome=st.none() | outcomes,
    agent=objects,
    environment=objects,
    created=moments,
    parent=st.none() | words,
)
