"""Named lists of models for `codeact bench --models`.

The paper's: the 17 rows of its M3ToolEval table, in its order, under the names of the published results. Nine were
hosted, and their vendors have shut them down (seen on the vendors' deprecation pages in November 2026); eight have open
weights, and whoever serves them can measure them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeact.errors import UsageError


@dataclass(frozen=True, slots=True)
class ListedModel:
    name: str  # as it was published
    weights: str = ""  # of an open model, on the hub
    gone: str = ""  # why nobody can run it any more

    @property
    def spec(self) -> str:
        """As `--model` takes it, for a server that knows the model by the name of its weights."""
        return f"openai:{self.weights}"


PAPER = (
    ListedModel("CodeLlama-7b-Instruct-hf", weights="codellama/CodeLlama-7b-Instruct-hf"),
    ListedModel("CodeLlama-13b-Instruct-hf", weights="codellama/CodeLlama-13b-Instruct-hf"),
    ListedModel("CodeLlama-34b-Instruct-hf", weights="codellama/CodeLlama-34b-Instruct-hf"),
    ListedModel("Llama-2-7b-chat-hf", weights="meta-llama/Llama-2-7b-chat-hf"),
    ListedModel("Llama-2-13b-chat-hf", weights="meta-llama/Llama-2-13b-chat-hf"),
    ListedModel("Llama-2-70b-chat-hf", weights="meta-llama/Llama-2-70b-chat-hf"),
    ListedModel("Mistral-7B-Instruct-v0.1", weights="mistralai/Mistral-7B-Instruct-v0.1"),
    ListedModel("lemur-70b-chat-v1", weights="OpenLemur/lemur-70b-chat-v1"),
    ListedModel("claude-2", gone="retired by Anthropic in July 2025"),
    ListedModel("claude-instant-1", gone="retired by Anthropic in November 2024"),
    ListedModel("gemini-pro", gone="shut down by Google in 2025"),
    ListedModel("gpt-3.5-turbo-0613", gone="shut down by OpenAI in 2024"),
    ListedModel("gpt-3.5-turbo-1106", gone="shut down by OpenAI in 2026"),
    ListedModel("gpt-4-0613", gone="shut down by OpenAI in October 2026"),
    ListedModel("gpt-4-1106-preview", gone="shut down by OpenAI in October 2026"),
    ListedModel("text-davinci-002", gone="shut down by OpenAI in January 2024"),
    ListedModel("text-davinci-003", gone="shut down by OpenAI in January 2024"),
)
LISTS: Mapping[str, Sequence[ListedModel]] = {"paper": PAPER}


def listed_models(lists: Sequence[str]) -> Sequence[ListedModel]:
    """The models of these lists, those that are gone included.

    Raises:
        UsageError: there is no such list.
    """
    if unknown := [name for name in lists if name not in LISTS]:
        raise UsageError(f"there is no list of models {unknown[0]!r}; there are: {', '.join(LISTS)}")
    return [model for name in lists for model in LISTS[name]]
