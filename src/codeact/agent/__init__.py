"""The agent: the loop that joins a model, an action space, tools and a session."""

from codeact.agent.agent import Agent
from codeact.agent.budget import Budget
from codeact.agent.checks import Check, Evidence, expect_files, grounded
from codeact.agent.conversation import Conversation
from codeact.agent.execute import Approve
from codeact.agent.result import RunResult

__all__ = [
    "Agent",
    "Approve",
    "Budget",
    "Check",
    "Conversation",
    "Evidence",
    "RunResult",
    "expect_files",
    "grounded",
]
