"""The handler of a Python function under the debugger: waits for it, then is the function."""

# For any Python from 3.8 on; runs inside the function's environment.
from __future__ import annotations

import importlib
import os
import sys
from typing import Any

_function: Any = None


def handler(event: object, context: Any) -> object:
    """Wait for a debugger at the first call, then call the function's own handler."""
    global _function
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = os.environ["CLOUDLET_DEBUG_NAME"]
    context.function_name = os.environ["CLOUDLET_DEBUG_NAME"]
    context.invoked_function_arn = os.environ["CLOUDLET_DEBUG_ARN"]
    if _function is None:
        debugpy = importlib.import_module("debugpy")
        debugpy.configure(subProcess=False)
        debugpy.listen(("127.0.0.1", int(os.environ["CLOUDLET_DEBUG_PORT"])))
        debugpy.wait_for_client()
        module, _, name = os.environ["CLOUDLET_DEBUG_HANDLER"].rpartition(".")
        sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
        _function = getattr(importlib.import_module(module.replace("/", ".")), name)
    return _function(event, context)
