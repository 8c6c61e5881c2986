"""What a sandbox makes in the temporary folder of the host."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator

import anyio.to_thread

from codeact.errors import SetupError


async def make_folder() -> str:
    """A new folder, which the caller removes. Raises `SetupError` where nothing can be made."""
    with explained():
        return await anyio.to_thread.run_sync(tempfile.mkdtemp, "", "codeact-")


@contextlib.contextmanager
def file() -> Generator[str]:
    """The path of an empty file. Raises as `make_folder` does."""
    with contextlib.ExitStack() as stack:
        with explained():
            made = stack.enter_context(tempfile.NamedTemporaryFile())
        yield made.name


@contextlib.contextmanager
def explained() -> Generator[None]:
    """Around the making of a temporary file: that it fails is for the machine's owner to mend."""
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"the sandbox cannot make a temporary file: {error}; set TMPDIR to a folder that can be written to and has "
            "room, or make room"
        ) from None
