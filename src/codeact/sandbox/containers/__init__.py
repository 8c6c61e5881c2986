"""Sessions in containers, through the API of Docker or Podman: `DockerSandbox`."""

from codeact.sandbox.containers.sandbox import DockerSandbox, PodmanSandbox

__all__ = ["DockerSandbox", "PodmanSandbox"]
