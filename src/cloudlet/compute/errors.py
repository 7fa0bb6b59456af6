"""What compute itself can fail with; a function's own failures are an `Outcome`, never raised."""

from __future__ import annotations


class ComputeError(Exception):
    """The platform could not run the function."""


class RuntimeUnavailable(ComputeError):
    """The machine has no interpreter for this runtime; the message says which was looked for."""


class SandboxFailed(ComputeError):
    """An environment could not be built (for example a mount was refused); carries the reason."""


class RestoreFailed(ComputeError):
    """A restored environment failed before its first invocation: a hook of it raised."""


class RestoreTimedOut(RestoreFailed):
    """The hooks after a restore took longer than AWS's ten seconds."""


class ComputeStopped(ComputeError):
    """The platform is shutting down."""
