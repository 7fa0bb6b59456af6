"""EXECUTE ... USING: where the parameters of a prepared statement come from."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.evaluation.constants import is_constant
from cloudlet.couchbase.sqlpp.request import Request


def parameters_of(statement: s.Execute, request: Request) -> None:
    """Take the USING clause's array or object as parameters; 5003 beside those of the request."""
    if statement.using is None:
        return
    if request.named or request.positional:
        raise errors.QueryError(
            5003,
            "Execution parameter error: cannot have both USING clause and request parameters",
            http=400,
            fatal=True,
        )
    node = statement.using
    if not is_constant(node):
        raise errors.QueryError(
            5003, "Execution parameter error: USING must be constant", http=400, fatal=True
        )
    value = compile_expression(node)([None])
    if type(value) is dict:
        request.named = value
    elif type(value) is list:
        request.positional = value
    else:
        raise errors.QueryError(
            5003,
            "Execution parameter error: USING must be an array or an object",
            http=400,
            fatal=True,
        )
