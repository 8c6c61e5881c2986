"""One task, three action spaces: what each format costs in turns, apart from any model.

A scripted model writes each format perfectly (`ActionSpace.render`), so what is compared is the format alone: code
calls all tools in one action, JSON and text need one turn for each result that the next call depends on.
"""

from codeact import Agent, Answer, CodeAction, action_space, tool
from codeact.models.scripted import ScriptedModel
from codeact.types import Action, ToolCall, ToolCalls


@tool
def price(fruit: str) -> float:
    """Price per kilo."""
    return {"apple": 2.5, "pear": 3.5, "plum": 4.0}[fruit]


@tool
def add(x: float, y: float) -> float:
    """Sum of two numbers."""
    return x + y


def call(name: str, *args: str | float) -> ToolCalls:
    return ToolCalls((ToolCall(name, args),))


calls: list[Action] = [call("price", "apple"), call("price", "pear"), call("add", 2.5, 3.5), Answer("6.0")]
scripts: dict[str, list[Action]] = {
    "code": [CodeAction("final_answer(add(price('apple'), price('pear')))")],
    "json": calls,
    "text": calls,
}
for actions, script in scripts.items():
    space = action_space(actions)
    model = ScriptedModel([space.render(action) for action in script])
    result = Agent(model, tools=[price, add], actions=actions).run_sync("What do a kilo of apples and pears cost?")
    print(f"{actions:5} {result.turns} turns, answer {result.answer}")
