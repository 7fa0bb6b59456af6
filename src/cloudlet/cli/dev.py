"""`cloudlet dev`: a template deployed once, then kept at what its sources say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cloudlet.cli import connection, screen
from cloudlet.cli.build import manifest_of
from cloudlet.cli.deploy import Parameters, StackName, Template, given_parameters, only_template
from cloudlet.cli.environment import Data
from cloudlet.cli.live_code import LiveStack
from cloudlet.cli.logs import Follower, show
from cloudlet.cli.package import LocalCode
from cloudlet.cli.problem import Problem

#: Milliseconds without another change after which a save counts as whole, and the longest wait.
QUIET_MS, PATIENCE_MS = 20, 300
#: What Lambda writes around a function's own lines; the REPORT line is enough.
FRAME = ("INIT_START ", "START RequestId: ", "END RequestId: ")


def dev(
    template: Template = None,
    stack_name: StackName = "",
    parameter: Parameters = None,
    data: Data = None,
) -> None:
    """Deploy a template, then run every saved change at once, and show the functions' logs.

    A changed handler is sent to its functions alone; a changed template or requirements file is
    deployed. Ctrl-C ends it; the stack stays.
    """
    path = template or only_template()
    name = stack_name or f"{path.resolve().parent.name}-dev"
    stack = LiveStack(connection.find(data), path, name, given_parameters(parameter), screen.say)
    started = time.monotonic()
    stack.deploy()
    took = time.monotonic() - started
    screen.say(f"\n{screen.styled(name, 'bold')} is deployed ({took:.1f} s).")
    ended = threading.Event()
    follower = threading.Thread(target=_follow, args=(stack, ended), daemon=True)
    follower.start()
    screen.say(screen.styled("Watching the sources; stop with Ctrl-C.", "dim"))
    try:
        _watch(stack)
    except KeyboardInterrupt:
        ended.set()
        follower.join()


def _watch(stack: LiveStack) -> None:
    """Take each change in, for ever."""
    from watchfiles import watch

    while True:
        paths = watched(stack)
        first = True
        for batch in watch(
            *paths, step=QUIET_MS, debounce=PATIENCE_MS, rust_timeout=500, yield_on_timeout=True
        ):
            changed = {Path(path) for _, path in batch}
            if needs_deployment(stack, changed):
                _deploy(stack, changed)
            elif first:  # also what was saved before the watch began
                _push(stack, [one for one in stack.code if one.is_function], changed)
            elif changed:
                _push(stack, affected(stack, changed), changed)
            first = False
            if watched(stack) != paths:
                break


def watched(stack: LiveStack) -> list[Path]:
    """The template and every local path it names, none inside another."""
    folders = {one.source for one in stack.code}
    outer = [p for p in folders if not any(p != q and p.is_relative_to(q) for q in folders)]
    if any(stack.template.is_relative_to(path) for path in outer):
        return sorted(outer)
    return [stack.template, *sorted(outer)]


def needs_deployment(stack: LiveStack, changed: set[Path]) -> bool:
    """Whether a change is more than the code of functions."""
    whole = {stack.template}
    whole |= {m for one in stack.code if (m := manifest_of(one.source, one.runtime)) is not None}
    others = [one.source for one in stack.code if not one.is_function]
    return bool(whole & changed) or any(p.is_relative_to(o) for p in changed for o in others)


def affected(stack: LiveStack, changed: set[Path]) -> list[LocalCode]:
    """The functions whose source one of the changed files is in."""
    return [
        one
        for one in stack.code
        if one.is_function and any(path.is_relative_to(one.source) for path in changed)
    ]


def _deploy(stack: LiveStack, changed: set[Path]) -> None:
    _say(f"deploying, since {_names(changed)} changed")
    started = time.monotonic()
    if _done(stack.deploy) is not None:
        _say(f"deployed in {time.monotonic() - started:.1f} s")


def _push(stack: LiveStack, functions: list[LocalCode], changed: set[Path]) -> None:
    started = time.monotonic()
    sent = _done(lambda: stack.push(functions))
    if sent:
        took_ms = (time.monotonic() - started) * 1000
        why = f" ({_names(changed)})" if changed else ""
        _say(f"{', '.join(sent)}: new code in {took_ms:.0f} ms{why}")


def _done(work: Callable[[], list[str]]) -> list[str] | None:
    """What it gives; None where it cannot be done, which is said: the next save may mend it."""
    try:
        return work()
    except Problem as problem:
        problem.show()
    return None


def _names(changed: set[Path]) -> str:
    return ", ".join(sorted(path.name for path in changed))


def _say(text: str) -> None:
    screen.say(screen.styled(f"{datetime.now().astimezone():%H:%M:%S}  {text}", "cyan"))


def _follow(stack: LiveStack, ended: threading.Event) -> None:
    """Print what the stack's functions write, with each function's logical name."""
    client = stack.found.client("logs")
    start = int(time.time() * 1000)
    followers: dict[str, Follower] = {}
    while not ended.wait(Follower.POLL_S):
        for logical, function in list(stack.functions.items()):
            follower = followers.setdefault(
                function, Follower(client, f"/aws/lambda/{function}", start)
            )
            try:
                for event in follower.fresh():
                    if not event["message"].startswith(FRAME):
                        show(event, logical)
            except Problem:
                continue  # asked again soon; a server that is gone shows at the next save
