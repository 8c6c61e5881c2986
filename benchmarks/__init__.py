"""How fast is the sandbox? One run, side by side with what else there is on the same machine.

python -m benchmarks --quick                      under a minute
python -m benchmarks --write docs/benchmarks.md   all of it, with the table and the plot for the docs

measure    times and memory
subjects   the seam: a place that opens interpreters
ours       the sandbox of this package
kernel     jupyter_client and ipykernel
piped      a plain Python behind pipes, in bubblewrap or not; and bare `exec`
actions    what every subject is asked to do
spares     sessions that are ready before they are asked for
branches   forks of live sessions
crowd      many sessions at once
load       python -m benchmarks.load: what the chat service adds to a turn
serving    python -m benchmarks.serving: how fast the embedded model is served
served     `codeact serve` in a process of its own
talker     a model that takes no time
report     table, JSON, plot
"""
