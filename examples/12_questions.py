"""`input()` in the code of an agent reaches a person, here one who answers from a list."""

import anyio

from codeact import Agent
from codeact.models.scripted import ScriptedModel
from codeact.sandbox import Question

CODE = """
import getpass
while not (nights := input("How many nights? ")).isdigit():
    print(f"{nights!r} is no number")
card = getpass.getpass("Card number: ")
print(f"{nights} nights, paid with …{card[-4:]}")
"""
ANSWERS = {"How many nights? ": ["a few", "3"], "Card number: ": ["4000 1234 5678 9010"]}


async def ask(question: Question) -> str | None:
    """A real one would show the prompt, which is text of the code's, and read the answer; None: nobody is there."""
    answer = ANSWERS[question.prompt].pop(0)
    print(f"{question.prompt}{'*' * len(answer) if question.secret else answer}")
    return answer


async def main() -> None:
    model = ScriptedModel([f"```python{CODE}```", "Booked: 3 nights."])
    result = await Agent(model, ask=ask).run("Book a room.")  # the time limit stands still while a person thinks
    step = result.trajectory.steps[0]
    print("the model reads:", step.observation.text if step.observation else "")
    print("secret in the record:", "5678" in str(result.trajectory))


anyio.run(main)
