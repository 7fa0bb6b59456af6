"""What an interpreter runs that a wrapper script started: becomes the function's environment, as
a fork of the zygote does. Its last argument is this file, as on AWS; descriptors as bootstrap.js's.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH100, PTH112, PTH118, PTH120, PTH123
from __future__ import annotations

import json
import os
import sys

_OWN = "/var/runtime/bootstrap.py"
_PARTS = ("kernel", "confinement", "learning", "snapstart", "python")


def main() -> None:
    """Load the parts, take the particulars, serve."""
    here = os.path.dirname(os.path.abspath(__file__))
    folder = os.path.join(here, ".bootstrap")  # where the jail shows them
    folder = folder if os.path.isdir(folder) else here
    parts = {}
    for name in _PARTS:
        with open(os.path.join(folder, name + ".py")) as file:
            source = file.read()
        module = parts[name] = type(sys)("_cloudlet_" + name)
        exec(compile(source, _OWN, "exec"), module.__dict__)  # noqa: S102
    for module in parts.values():
        vars(module).update({n: part for n, part in parts.items() if part is not module})
        vars(module)["environment"] = parts["python"]
    with os.fdopen(5, "rb") as file:
        spec = json.loads(file.read())
    for number in (3, 4):
        os.set_inheritable(number, False)
    environ = dict(os.environ)
    spec["environ"], spec["handler"] = environ, environ.get("_HANDLER", spec["handler"])
    if folder == here:
        sys.path.remove(here)
    parts["python"].prepare()
    sys.argv[:] = ["bootstrap"]
    sys.modules["__main__"] = type(sys)("__main__")
    parts["python"].begin(parts["confinement"].Channel(), spec["config"], spec)


main()
