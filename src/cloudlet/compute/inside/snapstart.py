"""SnapStart: the runtime hooks of AWS's `snapshot_restore_py`, and an initialisation to be forked.

Source: "Implement code before or after Lambda function snapshots" (AWS Lambda Developer Guide):
hooks before the snapshot run in the reverse order of their registration, hooks after the restore
in its order.
"""

# For any Python from 3.8 on.
# ruff: noqa: UP031
from __future__ import annotations

import sys
from typing import Any

environment: Any = None

FAILED = "the initialisation failed: "
ENDED = FAILED + "Runtime.ExitError: its process ended"

_before: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []
_after: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []
initialised: list[Any] = []  # the handler, in a template and its forks


def provide() -> None:
    """Make `import snapshot_restore_py` find the hooks."""
    module: Any = type(sys)("snapshot_restore_py", "Registers hooks of SnapStart.")

    def register_before_snapshot(func: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `func` before the snapshot is taken."""
        _before.append((func, args, kwargs))
        return func

    def register_after_restore(func: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `func` in each environment that is restored."""
        _after.append((func, args, kwargs))
        return func

    module.register_before_snapshot = register_before_snapshot
    module.register_after_restore = register_after_restore
    module.get_before_snapshot = lambda: list(reversed(_before))
    module.get_after_restore = lambda: list(_after)
    sys.modules["snapshot_restore_py"] = module


def initialise(handler: str) -> str:
    """Initialise the function and run its hooks; why it failed, or ""."""
    try:
        initialised.append(environment.find_handler(handler))
        for func, args, kwargs in reversed(_before):
            func(*args, **kwargs)
    except BaseException as error:
        environment.error_document(error, "")
        if isinstance(error, environment.Fault):
            return FAILED + "%s: %s" % (error.kind, error.message)
        return FAILED + "%s: %s" % (type(error).__name__, error)
    return ""


def restored(handler: str) -> Any:
    """Run the hooks of a restore; the handler. Without a snapshot, where one was refused, the
    restoration follows at once on the initialisation.
    """
    if not initialised:
        initialised.append(environment.find_handler(handler))
        for func, args, kwargs in reversed(_before):
            func(*args, **kwargs)
    for func, args, kwargs in _after:
        func(*args, **kwargs)
    return initialised[0]
