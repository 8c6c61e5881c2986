"""Sessions in pods of a Kubernetes cluster, one each: `KubernetesSandbox`."""

from codeact.sandbox.kubernetes.sandbox import KubernetesSandbox

__all__ = ["KubernetesSandbox"]
