"""What the embedded server says of tokens: the side of llama.cpp in comparisons with transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from codeact.models.local import LocalModel


@dataclass(frozen=True, slots=True)
class Llama:
    """llama.cpp's own endpoints of a running embedded model."""

    model: LocalModel

    async def tokens(self, text: str) -> list[int]:
        return (await self._post("tokenize", content=text, parse_special=True, add_special=True))["tokens"]

    async def prompt(self, messages: Sequence[dict[str, str]]) -> str:
        return (await self._post("apply-template", messages=messages))["prompt"]

    async def next_tokens(self, tokens: Sequence[int], top: int) -> dict[int, float]:
        """The likeliest next tokens, and the logarithms of their probabilities."""
        # an end token is no text, so nothing would be said of it; what is forbidden changes no probability
        said = await self._post("completion", prompt=tokens, n_predict=1, n_probs=top, temperature=0, ignore_eos=True)
        return {each["id"]: each["logprob"] for each in said["completion_probabilities"][0]["top_logprobs"]}

    async def _post(self, endpoint: str, **body: Any) -> Any:
        headers = {"authorization": f"Bearer {self.model.process.key}", "connection": "close"}
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            reply = await client.post(f"{self.model.process.url}/{endpoint}", json=body, headers=headers)
        reply.raise_for_status()
        return reply.json()
