"""A run is recorded as it goes; the record reads back, exports, and compares with another run."""

import json
import tempfile
from pathlib import Path

from codeact import Agent, load_trajectory
from codeact.models.scripted import ScriptedModel
from codeact.trajectory import to_markdown, to_messages, to_notebook

REPLIES = ["```python\nimport math\nmath.factorial(20)\n```", "20! is 2,432,902,008,176,640,000."]

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.jsonl"
    Agent(ScriptedModel(REPLIES)).run_sync("What is 20 factorial?", record=path)
    print("lines:", [json.loads(line)["kind"] for line in path.read_text().splitlines()])

    trajectory = load_trajectory(path)
    print("messages:", [message["role"] for message in to_messages(trajectory)])
    print(to_markdown(trajectory).splitlines()[0])
    to_notebook(trajectory, Path(folder) / "run.ipynb")
    print("notebook cells:", len(json.loads((Path(folder) / "run.ipynb").read_text())["cells"]))
