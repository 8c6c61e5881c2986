"""What becomes of a pod: that it runs, why it does not, and how it has ended, in words."""

from __future__ import annotations

import anyio

from codeact.errors import SandboxError, SetupError
from codeact.sandbox.kubernetes.api import Api
from codeact.sandbox.kubernetes.objects import Json, items, named, part
from codeact.sandbox.kubernetes.pod import CONTAINER
from codeact.sandbox.kubernetes.refusals import GoneError

_LOOK = 0.2  # seconds
_NEWS = 5.0  # seconds until a cluster knows what has happened on a node
_OVER = ("Failed", "Succeeded")
_LOST = frozenset(  # reasons for which a container will never start
    [
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "CrashLoopBackOff",
    ]
)
_ENDED = {
    "OOMKilled": "it took more memory than the limit total_memory allows",
    "DeadlineExceeded": "its time is over (the option ttl=, in seconds, gives more)",
    "Evicted": "its node was short of something",
}


async def running(api: Api, name: str, patience: float) -> Json:
    """Wait for the pod's container; the pod as it is then.

    Raises:
        SetupError: it cannot start; says why, and what would help. SandboxError: it has ended.
    """
    found: Json = {}
    with anyio.move_on_after(patience):
        while True:
            found = await api.pod(name)
            status = part(found, "status")
            if part(_container(status), "state").get("running") is not None:
                return found
            if status.get("phase") in _OVER:
                raise SandboxError(f"the pod {name!r} has ended before its box came: {_ending(status)}")
            _check(status, str(named(part(found, "spec"), "containers", CONTAINER).get("image")))
            await anyio.sleep(_LOOK)
    raise SetupError(
        f"the pod {name!r} was not running within {patience:g} seconds: {_waits_for(part(found, 'status'))}. "
        "`kubectl get events` shows more; patience= gives it more time"
    )


async def last_words(api: Api, name: str) -> str:
    """How a pod has ended whose program has; empty when the cluster does not say."""
    with anyio.move_on_after(_NEWS):
        try:
            while True:
                status = part(await api.pod(name), "status")
                if part(_container(status), "state").get("terminated") or status.get("phase") in _OVER:
                    return f"the pod {name!r} has ended: {_ending(status)}"
                await anyio.sleep(_LOOK)
        except GoneError:
            return f"somebody has deleted the pod {name!r}"
        except (SandboxError, SetupError):  # what happened before is worth more than this
            return ""
    return ""


def _check(status: Json, image: str) -> None:
    waiting = part(part(_container(status), "state"), "waiting")
    reason = str(waiting.get("reason", ""))
    if reason not in _LOST:
        return
    words = str(waiting.get("message") or reason)
    if "Image" in reason:
        raise SetupError(
            f"the cluster cannot get the image {image!r} ({reason}: {words}). Build it from codeact's Containerfile, "
            "push it to a registry that the cluster's nodes reach, and name it with image=…; a private registry needs "
            "pull_secrets=[…]"
        )
    raise SetupError(f"the pod's container cannot be made ({reason}: {words})")


def _waits_for(status: Json) -> str:
    waiting = part(part(_container(status), "state"), "waiting")
    said = [str(waiting.get(key)) for key in ("reason", "message") if waiting.get(key)]
    conditions = items(status, "conditions")
    said += [str(each.get("message")) for each in conditions if each.get("status") == "False" and each.get("message")]
    return "; ".join(said) or f"its phase is {status.get('phase')}"


def _ending(status: Json) -> str:
    ended = part(part(_container(status), "state"), "terminated")
    reason = str(status.get("reason") or ended.get("reason") or status.get("phase"))
    words = status.get("message") or ended.get("message") or _ENDED.get(reason, "")
    return f"{reason}{f' ({_ENDED.get(reason, words)})' if words else ''}"


def _container(status: Json) -> Json:
    return named(status, "containerStatuses", CONTAINER)
