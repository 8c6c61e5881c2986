"""What can be known of Python source without running it: does it parse, does it do anything, where are its strings.

IPython's additions (`!command`, `%magic`, `name?`, top-level await) count as Python here, because the box accepts them.
"""

from __future__ import annotations

import ast
import re
import warnings

# One token at a time, possessive throughout, so that no input makes it backtrack. A single-quoted string ends with
# its line even when it is not closed, as it does for Python; a triple-quoted one that is not closed runs to the end
# of the text.
_LITERAL = re.compile(
    r"""
    "{3} (?: [^"\\]++ | \\. | "(?!"") )*+ (?: "{3} | \Z )
  | '{3} (?: [^'\\]++ | \\. | '(?!'') )*+ (?: '{3} | \Z )
  | " (?: [^"\\\n]++ | \\. )*+ "?
  | ' (?: [^'\\\n]++ | \\. )*+ '?
  | \#[^\n]*+
    """,
    re.VERBOSE | re.DOTALL,
)
_LITERAL_START = re.compile(r"[\"'#]")
_IPYTHON_LINE = re.compile(r"^(?P<indent>[ \t]*)(?:[!%].*|\?{1,2}[\w.]+|[\w.]+\?{1,2})$", re.MULTILINE)
_IPYTHON_VALUE = re.compile(r"^(?P<target>[ \t]*[\w., ]+=)[ \t]*[!%].*$", re.MULTILINE)
_CELL_MAGIC = re.compile(r"\s*%%(?P<name>\w+)[^\n]*\n?")
_PYTHON_CELL_MAGICS = frozenset(
    {"time", "timeit", "capture", "prun"}
)  # the body of any other cell magic may be anything

_INERT = (ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.Dict, ast.Set)


def parse(code: str) -> ast.Module | None:
    """The syntax tree, or None where this is not Python; IPython's additions are replaced by `pass`."""
    tree = _plain_tree(code)
    if tree is not None:
        return tree
    magic = _CELL_MAGIC.match(code)
    if magic:
        return parse(code[magic.end() :]) if magic["name"] in _PYTHON_CELL_MAGICS else ast.Module([ast.Pass()], [])
    masked = _IPYTHON_VALUE.sub(r"\g<target> None", _IPYTHON_LINE.sub(r"\g<indent>pass", code))
    return _plain_tree(masked) if masked != code else None


def compiles(code: str) -> bool:
    return parse(code) is not None


def does_something(code: str) -> bool:
    """Whether running this has a point: a name, a number, a literal or prose that happens to parse has none."""
    tree = parse(code)
    return tree is not None and any(_acts(statement) for statement in tree.body)


def is_program(text: str) -> bool:
    """Whether a text is hardly meant as anything but code: each statement acts, and one is a call or an import.

    Not an assignment alone: `x = sqrt(2)` is an answer to many a question.
    """
    tree = _plain_tree(text)
    return (
        tree is not None
        and all(_acts(statement) for statement in tree.body)
        and any(isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_call(statement) for statement in tree.body)
    )


def first_outside_strings(
    pattern: re.Pattern[str], text: str, start: int, *, in_comments: bool
) -> re.Match[str] | None:
    """The first match, from `start`, outside of Python strings; `in_comments` says whether one in a comment counts."""
    position = start
    match = pattern.search(text, start)
    while match and (opening := _LITERAL_START.search(text, position, match.start())):
        literal = _LITERAL.match(text, opening.start())
        position = literal.end() if literal else opening.end()
        if match.start() < position:
            if in_comments and opening[0] == "#":
                break
            match = pattern.search(text, position)
    return match


def _plain_tree(code: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a model's string is its own affair
            return ast.parse(code)
    # A null byte is a ValueError; the parser's own stack limit shows as MemoryError or RecursionError.
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _is_call(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, (ast.Call, ast.Await))


def _acts(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call() | ast.Await()):
            return True
        case ast.Expr(value=value):
            return not isinstance(value, _INERT) and any(isinstance(node, ast.Call) for node in ast.walk(value))
        case ast.AnnAssign(value=None):  # "Total: 42" parses as an annotation
            return False
        case _:
            return True
