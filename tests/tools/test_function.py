"""`@tool`: what a model is told about a function, and what comes of calling it."""

from __future__ import annotations

import enum
import inspect
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal, NotRequired

import anyio
import anyio.from_thread
import anyio.lowlevel
import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, BeforeValidator, Field
from typing_extensions import TypedDict

from codeact.errors import ToolError, UsageError
from codeact.tools import FunctionTool, tool

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Order:
    id: int
    lines: list[Line] = field(default_factory=list)
    parent: Order | None = None


class Address(TypedDict):
    city: str
    street: NotRequired[str]


class Payment(BaseModel):
    amount: float = Field(gt=0)
    currency: str = "USD"


@tool
def lookup_rates(country: str, year: int = 2026) -> tuple[float, float]:
    """Exchange rate to USD, and tax rate, of a country.

    Args:
        country: Its name in English.
    """
    return (float(year), len(country) / 10)


# --- what a model is told --------------------------------------------------------------------------


def test_signature_doc_and_schema() -> None:
    spec = lookup_rates.spec
    assert spec.name == "lookup_rates"
    assert spec.signature == "(country: str, year: int = 2026) -> tuple[float, float]"
    assert spec.doc.startswith("Exchange rate to USD")
    assert spec.schema == {
        "type": "object",
        "properties": {
            "country": {"type": "string", "description": "Its name in English."},
            "year": {"type": "integer", "default": 2026},
        },
        "required": ["country"],
        "additionalProperties": False,
    }
    assert (spec.read_only, spec.needs_approval) == (False, False)


def test_options() -> None:
    @tool(name="delete_all", read_only=False, needs_approval=True, time_limit=3)
    def delete() -> None: ...

    assert (delete.spec.name, delete.spec.needs_approval, delete.time_limit) == ("delete_all", True, 3)
    assert tool(delete, read_only=True).spec.read_only


def test_a_tool_is_still_the_function() -> None:
    assert lookup_rates("Japan", 1) == (1.0, 0.5)
    assert inspect.signature(lookup_rates).parameters["year"].default == 2026
    assert lookup_rates.__name__ == "lookup_rates"


def describe(function: Callable[..., Any]) -> str:
    return tool(function).spec.signature


def test_signatures_of_every_kind() -> None:
    def kinds(a: int, /, b, *rest: str, c: float | None = None, **more: bool): ...  # type: ignore[no-untyped-def]
    def types(
        colour: Colour,
        mode: Literal["fast", 2] = "fast",
        when: Annotated[list[dict[str, int]] | None, "not shown"] = None,
        shade: Colour = Colour.BLUE,
        handler: Callable[[int], str] = str,
        frame: pd.DataFrame | None = None,
        items: Sequence[tuple[int, ...]] = (),
    ) -> Order: ...

    assert describe(kinds) == "(a: int, /, b, *rest: str, c: float | None = None, **more: bool)"
    assert describe(types) == (
        "(colour: Literal['red', 'blue'], mode: Literal['fast', 2] = 'fast', when: list[dict[str, int]] | None = None, "
        "shade: Literal['red', 'blue'] = 'blue', handler: Callable = ..., frame: DataFrame | None = None, "
        "items: Sequence[tuple[int, ...]] = ()) -> Order"
    )


def test_a_check_beside_a_type_is_no_type() -> None:
    def pay(amount: Annotated[int, BeforeValidator(int)]) -> int: ...

    assert describe(pay) == "(amount: int) -> int"
    assert tool(pay).arguments.bind(("7",), {}).arguments == {"amount": 7}


def test_signatures_are_python() -> None:
    def everything(a: Colour, *b: Order, c: Callable[..., Any] = print, **d: Address) -> dict[str, Payment]: ...

    compile(f"from __future__ import annotations\ndef f{describe(everything)}: ...", "<signature>", "exec")


def test_records_are_described_as_the_dicts_they_are_in_the_box() -> None:
    def order(order: Order, to: Address, payment: Payment) -> None:
        """Order."""

    assert tool(order).spec.doc == (
        "Order.\n\n"
        'Order is a dict: {"id": int, "lines": list[Line] = ..., "parent": Order | None = None}\n'
        'Line is a dict: {"sku": str, "count": int = 1}\n'
        'Address is a dict: {"city": str, "street": NotRequired[str]}\n'
        'Payment is a dict: {"amount": float, "currency": str = \'USD\'}'
    )


def test_a_parameter_without_a_type_says_so_in_the_schema() -> None:
    def free(anything, *rest: int, **more: str): ...  # type: ignore[no-untyped-def]

    schema = tool(free).spec.schema
    assert schema["properties"]["anything"] == {"description": "Any value."}
    assert schema["properties"]["rest"] == {"type": "array", "items": {"type": "integer"}}
    assert schema["additionalProperties"] == {"type": "string"}


def test_types_that_json_has_no_word_for_accept_anything_in_the_schema() -> None:
    def plot(frame: pd.DataFrame, handler: Callable[[], None]) -> None: ...

    assert tool(plot).spec.schema["properties"] == {"frame": {}, "handler": {}}


def test_hints_may_name_classes_that_are_local() -> None:
    @dataclass
    class Here:
        x: int

    @tool
    def use(here: Here) -> Here:
        return here

    assert use.spec.signature == "(here: Here) -> Here"


# --- definitions that cannot work ------------------------------------------------------------------


def numbers_one_by_one() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("define", "words"),
    [
        (lambda: tool(lambda x: x), "remedy: tool(…, name="),
        (lambda: tool(partial(lookup_rates.function, "Japan")), "remedy: tool(…, name="),
        (lambda: tool(lookup_rates, name="sum"), "would hide the builtin"),
        (lambda: tool(lookup_rates, name="class"), "is a Python keyword"),
        (
            lambda: tool(lookup_rates, name="get-rates"),
            "is not a Python identifier; remedy: @tool(name='get_rates_tool')",
        ),
        (lambda: tool(lookup_rates, name="2 rates"), "remedy: @tool(name='tool_2_rates')"),
        (lambda: tool(lookup_rates, name="Out"), "is a name of the interpreter"),
        (lambda: tool(lookup_rates, name="final_answer"), "is a name of the interpreter"),
        (lambda: tool(lookup_rates, name="_rates"), "starts with an underscore"),
        (lambda: tool(lookup_rates, time_limit=0), "above 0"),
        (lambda: tool(Order), "must be a function"),
        (lambda: tool(numbers_one_by_one), "remedy: return a list"),
        (lambda: tool(max, name="largest"), "remedy: wrap it in a def"),
    ],
)
def test_bad_definitions_name_the_remedy(define: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        define()
    assert words in str(caught.value)


def test_a_hint_that_nobody_knows() -> None:
    def lost(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(UsageError, match=r"'lost': a type hint cannot be resolved .*Nowhere"):
        tool(lost)


# --- calls -----------------------------------------------------------------------------------------


async def refused(made: FunctionTool[..., Any], *args: object, **kwargs: object) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await made.call(args, kwargs)
    return caught.value


async def test_calls_by_place_and_by_name() -> None:
    assert await lookup_rates.call(("Japan",), {"year": 3}) == (3.0, 0.5)
    assert await lookup_rates.call((), {"country": "Japan"}) == (2026.0, 0.5)


async def test_positional_only_and_rest_can_be_given_by_name_because_json_has_only_names() -> None:
    @tool
    def kinds(a: int, /, b: int = 2, *rest: int, c: int = 4, **more: int) -> list[object]:
        return [a, b, rest, c, more]

    assert await kinds.call((), {"a": 1, "rest": [7, 8], "z": 9}) == [1, 2, (7, 8), 4, {"z": 9}]
    assert await kinds.call((1, 2, 3), {"c": 5}) == [1, 2, (3,), 5, {}]


async def test_json_values_become_what_the_hints_say() -> None:
    @tool
    def take(x: float, colour: Colour, order: Order, to: Address, payment: Payment, tags: set[str]) -> list[object]:
        return [x, colour, order, to, payment, tags]

    given = {
        "x": 1,
        "colour": "blue",
        "order": {"id": 7, "lines": [{"sku": "a"}]},
        "to": {"city": "Berlin"},
        "payment": {"amount": 2},
        "tags": ["a", "a"],
    }
    assert await take.call((), given) == [
        1.0,
        "blue",  # and what goes back is data again
        {"id": 7, "lines": [{"sku": "a", "count": 1}], "parent": None},
        {"city": "Berlin"},
        {"amount": 2.0, "currency": "USD"},
        {"a"},
    ]


async def test_frames_and_arrays_pass_as_they_are() -> None:
    @tool
    def shape(frame: pd.DataFrame, array: np.ndarray) -> list[int]:
        return [*frame.shape, *array.shape]

    assert await shape.call((pd.DataFrame({"a": [1]}), np.zeros(3)), {}) == [1, 1, 3]
    assert "should be an instance of DataFrame, got [1]" in str(await refused(shape, [1], np.zeros(3)))


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {"nation": "Japan"}, "got an unexpected argument 'nation'"),
        ((), {}, "is missing a required argument: 'country'"),
        (("Japan", 1, 2), {}, "got too many positional arguments"),
        (("Japan",), {"country": "Japan"}, "got multiple values for argument 'country'"),
        ((5,), {}, "cannot take these arguments: country: input should be a valid string, got 5"),
    ],
)
async def test_wrong_arguments_say_what_would_be_right(
    args: tuple[object, ...], kwargs: dict[str, object], message: str
) -> None:
    error = await refused(lookup_rates, *args, **kwargs)
    assert error.name == "TypeError"
    assert str(error) == f"lookup_rates() {message}; parameters: country: str, year: int = 2026"


async def test_wrong_arguments_deep_inside_are_named_by_their_place() -> None:
    @tool
    def order(order: Order) -> None: ...

    error = await refused(order, {"id": "x" * 200, "lines": [{"sku": 1}]})
    assert "order.id: input should be a valid integer" in str(error)
    assert "order.lines.0.sku: input should be a valid string, got 1" in str(error)
    assert "x" * 90 not in str(error)


async def test_more_problems_than_fit_are_counted() -> None:
    @tool
    def add(numbers: list[int]) -> None: ...

    assert "; and 15 more; parameters: numbers: list[int]" in str(await refused(add, ["x"] * 20))


@pytest.mark.parametrize("is_async", [False, True])
async def test_the_real_exception_comes_through_without_its_traceback(is_async: bool) -> None:
    class AccountError(Exception):
        pass

    def fail() -> None:
        raise AccountError("no account 7")

    async def fail_later() -> None:
        fail()

    error = await refused(tool(fail_later if is_async else fail))
    assert (error.name, str(error)) == ("AccountError", "no account 7")


async def test_a_tool_may_word_its_own_error() -> None:
    def refuse() -> None:
        raise ToolError("closed on Sundays", name="Closed")

    error = await refused(tool(refuse))
    assert (error.name, str(error)) == ("Closed", "closed on Sundays")


async def test_a_tool_that_exits_does_not_end_the_program() -> None:
    error = await refused(tool(sys.exit, name="leave"), 3)
    assert (error.name, str(error)) == ("SystemExit", "3")


async def test_a_group_of_one_exception_is_that_exception() -> None:
    async def grouped() -> None:
        async with anyio.create_task_group():
            raise KeyError("Atlantis")

    error = await refused(tool(grouped))
    assert (error.name, str(error)) == ("KeyError", "'Atlantis'")


async def test_an_exception_without_words() -> None:
    def fail() -> None:
        raise ValueError

    assert str(await refused(tool(fail))) == "the tool gave no message"


async def test_places_of_the_host_are_not_told(tmp_path: Any) -> None:
    secret = tmp_path / "secrets" / "key.txt"
    secret.parent.mkdir()

    def read(path: str) -> str:
        return open(path or str(secret)).read()

    error = await refused(tool(read), "")
    assert (error.name, str(error)) == ("FileNotFoundError", "[Errno 2] No such file or directory: '…/key.txt'")
    assert str(secret) in str(await refused(tool(read), str(secret)))  # the model's own words are no secret


async def test_text_that_only_looks_like_a_path_stays() -> None:
    def fetch() -> None:
        raise OSError("GET /v1/users/7 failed, see https://example.org/usr/bin/docs")

    assert str(await refused(tool(fetch))) == "GET /v1/users/7 failed, see https://example.org/usr/bin/docs"


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_tool_that_hangs_meets_its_limit(is_async: bool) -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(60)

    async def sleep() -> None:
        await anyio.sleep(60)

    made = tool(sleep if is_async else hang, name="hang", time_limit=0.05)
    try:
        error = await refused(made)
    finally:
        release.set()
    assert (error.name, str(error)) == ("TimeoutError", "hang() did not finish within 0.05 seconds")


async def test_a_tools_own_timeout_is_its_own() -> None:
    def fetch() -> None:
        raise TimeoutError("the bank did not answer")

    assert str(await refused(tool(fetch))) == "the bank did not answer"


async def test_a_hundred_hanging_calls_leave_room_for_another() -> None:
    release = threading.Event()
    hang = tool(lambda: release.wait(60), name="hang", time_limit=0.05)
    try:
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(refused, hang)
        assert await lookup_rates.call(("Japan",), {})
    finally:
        release.set()


def test_a_hanging_tool_does_not_keep_the_program_alive() -> None:
    """Seen with anyio's own threads: the interpreter waits for them at its end."""
    program = (
        "import anyio, time\nfrom codeact.tools import tool\n"
        "async def main():\n"
        "    with anyio.move_on_after(0.1): await tool(lambda: time.sleep(600), name='hang').call((), {})\n"
        "anyio.run(main)\nprint('ended')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "ended\n"


async def test_cancelling_a_call_returns_at_once() -> None:
    release, started, token = threading.Event(), anyio.Event(), anyio.lowlevel.current_token()

    def hang() -> None:
        anyio.from_thread.run_sync(started.set, token=token)
        release.wait(60)

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(tool(hang).call, (), {})
            await started.wait()
            group.cancel_scope.cancel()
    finally:
        release.set()


async def test_calls_run_side_by_side() -> None:
    barrier = threading.Barrier(3, timeout=30)
    meet = tool(barrier.wait, name="meet")
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(meet.call, (), {})


# --- functions of other kinds ----------------------------------------------------------------------


class Bank:
    def __init__(self, balance: int) -> None:
        self._balance = balance

    @tool(read_only=True, time_limit=5)
    def balance(self, who: str) -> dict[str, int]:
        """The balance."""
        return {who: self._balance}

    @tool
    async def merge(self, other: str) -> Bank:
        return Bank(self._balance + len(other))

    @staticmethod
    @tool
    def currencies() -> list[str]:
        return ["USD"]

    async def __call__(self, amount: int) -> int:
        """Pay in."""
        return self._balance + amount


async def test_methods() -> None:
    bank = Bank(7)
    assert bank.balance("Ann") == {"Ann": 7}
    assert bank.balance.spec.signature == "(who: str) -> dict[str, int]"
    assert (bank.balance.spec.read_only, bank.balance.time_limit) == (True, 5)
    assert await bank.balance.call(("Ann",), {}) == {"Ann": 7}
    assert bank.merge.spec.signature == "(other: str) -> Bank"
    assert await Bank.currencies.call((), {}) == ["USD"]


async def test_callable_objects_and_partials() -> None:
    paying = tool(Bank(7), name="pay")
    assert (paying.spec.signature, paying.spec.doc) == ("(amount: int) -> int", "Pay in.")
    assert await paying.call((1,), {}) == 8
    rates = tool(partial(lookup_rates.function, year=1), name="rates")
    assert await rates.call(("Japan",), {}) == (1.0, 0.5)
    assert rates.spec.doc.startswith("Exchange rate")
