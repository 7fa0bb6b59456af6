"""The process that runs the AWS SAM transform: one JSON request a line in, one answer a line out.

It is a process of its own because the translator takes half a second to import and 40 MB, and
because what it does with a template must not run on the server's loop. It speaks to no network.
It ends when its standard input does.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

#: Seconds of processor time and bytes of memory after which a transform is ended.
CPU_S = 120
MEMORY = 1 << 30

NO_REPOSITORY = (
    "cloudlet does not reach the AWS Serverless Application Repository; give 'Location' as a "
    "template's S3 URL."
)


class _Session:
    """What the translator wants of a boto3 session: the region."""

    def __init__(self, region: str) -> None:
        self.region_name = region


def transform(template: dict[str, Any], parameters: dict[str, Any], region: str) -> dict[str, Any]:
    """The template without SAM's resources, or `{"errors": [...]}` in SAM's own words."""
    from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.utils.py27hash_fix import (
        to_py27_compatible_template,
        undo_mark_unicode_str_in_template,
    )

    for name, declared in template.get("Resources", {}).items():
        location = declared.get("Properties", {}).get("Location")
        if declared.get("Type") == "AWS::Serverless::Application" and isinstance(location, dict):
            return {
                "errors": [
                    f"Resource with id [{name}] is invalid. {NO_REPOSITORY}",
                ]
            }
    partition = "aws-cn" if region.startswith("cn-") else "aws"
    to_py27_compatible_template(template, parameters)
    translator = Translator(None, Parser(), boto_session=_Session(region))
    try:
        made = translator.translate(
            template,
            parameter_values=parameters,
            get_managed_policy_map=lambda: get_bundled_managed_policy_map(partition) or {},
        )
    except InvalidDocumentException as error:
        causes = getattr(error, "causes", None) or [error]
        return {"errors": [str(cause.message) for cause in causes]}
    return {"template": undo_mark_unicode_str_in_template(made)}


def main() -> None:
    """Serve until the input ends."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers = sys.stdout
    sys.stdout = sys.stderr  # nothing that a library prints may mix with the answers
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = transform(request["template"], request["parameters"], request["region"])
        except Exception as error:
            answer = {"errors": [f"{type(error).__name__}: {error}"]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
