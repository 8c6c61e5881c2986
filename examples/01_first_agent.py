"""An agent with a tool, on the embedded model: the lines of the README."""

from codeact import Agent, tool


@tool
def lookup_rates(country: str) -> tuple[float, float]:
    """Exchange rate to USD, and tax rate, of a country."""
    return {"Germany": (1.10, 0.19), "Japan": (0.0067, 0.10), "USA": (1.0, 0.07)}[country]


agent = Agent(tools=[lookup_rates])  # the embedded model; or Agent("openai:gpt-5.2", …)
result = agent.run_sync("In which of Germany, Japan and USA is the tax highest?")
print(result.answer, result.turns, result.usage)
result.to_notebook("run.ipynb")
