"""A Jupyter kernel on this machine, as notebooks use it: `jupyter_client` and `ipykernel`, with no isolation."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from .subjects import STACK, SkippedError

# The one way for code in a kernel to ask its host while it runs is a question of `input`, which is text.
_TAKE = """
def take(value):
    import base64
    return input(base64.b64encode(memoryview(value)).decode() if not isinstance(value, int) else str(value))
"""
_START = 60.0  # seconds


class KernelInterpreter:
    interruptible = True

    def __init__(self, manager: Any, client: Any) -> None:
        self._manager = manager
        self._client = client

    async def run(self, code: str) -> None:
        request = self._client.execute(code)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._answer_questions)
            await self._until_idle(request)
            await self._client.get_shell_msg(timeout=None)
            tasks.cancel_scope.cancel()

    async def _until_idle(self, request: str) -> None:
        while True:
            message = await self._client.get_iopub_msg(timeout=None)
            ours = message["parent_header"].get("msg_id") == request
            if ours and message["content"].get("execution_state") == "idle":
                return

    async def _answer_questions(self) -> None:
        while True:
            message = await self._client.get_stdin_msg(timeout=None)
            prompt = message["content"]["prompt"]
            if not prompt.isdigit():
                base64.b64decode(prompt)
            self._client.input("")

    async def interrupt(self) -> None:
        await self._manager.interrupt_kernel()


class Kernel:
    name = "jupyter_client + ipykernel"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        try:
            import ipykernel  # noqa: F401, PLC0415 (whether it is there is the question)
            import jupyter_client.manager  # noqa: PLC0415
        except ImportError as error:
            raise SkippedError(f"{error.name} is not installed") from None
        self._managers: Any = jupyter_client.manager.AsyncKernelManager  # type: ignore[attr-defined]
        yield

    @asynccontextmanager
    async def interpreter(self) -> AsyncIterator[KernelInterpreter]:
        manager = self._managers(kernel_name="python3")
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=_START)
            interpreter = KernelInterpreter(manager, client)
            await interpreter.run(STACK + _TAKE)
            yield interpreter
        finally:
            client.stop_channels()
            with anyio.CancelScope(shield=True):
                await manager.shutdown_kernel(now=True)
