"""A person (here: a rule) approves each action; a check sends back answers that are not good enough."""

import anyio

from codeact import Agent, Answer, CodeAction, tool
from codeact.agent import Evidence
from codeact.models.scripted import ScriptedModel


@tool(needs_approval=True)
def send_mail(to: str, text: str) -> str:
    """Send an e-mail."""
    return f"sent to {to}"


async def approve(subject: object) -> bool | str:
    """Approve all code, but no mail to strangers."""
    if isinstance(subject, CodeAction):
        return True
    return "only to colleagues" if "stranger" in str(subject) else True


async def polite(answer: Answer, evidence: Evidence) -> str | None:
    return None if "please" in answer.text.lower() else "Your answer was not accepted: say please."


REPLIES = [
    "```python\nprint(send_mail('stranger@example.com', 'hello'))\n```",
    "```python\nprint(send_mail('colleague@example.com', 'hello'))\n```",
    "The mail is sent.",
    "The mail is sent; please check your inbox.",
]


async def main() -> None:
    agent = Agent(ScriptedModel(REPLIES), tools=[send_mail], approve=approve, checks=[polite])
    result = await agent.run("Send a mail.")
    for step in result.trajectory.steps:
        if step.observation:
            print("observed:", step.observation.text)
    print(result.answer)


anyio.run(main)
