"""What runs inside the box, and the two formats it shares with the host (`frames` and `values`).

This folder imports nothing of ours but itself: the host loads it as `codeact.sandbox.box`, a box as the top-level
package `codeact_box` (see `launch_command` in `codeact.sandbox.launch`), because nothing else of the project is visible
there.

    launch     the first process: private root, pid namespace, unprivileged uid; becomes the server, or a plain session
    server     imports the data stack once, forks sessions; never runs an agent's code
    session    pid 1 of one session: makes and buries workers, moves files; never runs an agent's code
    worker     the process that runs an agent's code: reads actions, answers with results
    shell      IPython as a worker wants it
"""
