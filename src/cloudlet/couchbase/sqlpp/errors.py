"""The query service's errors: Couchbase's codes, keys and words (error codes of the 7.6 server)."""

from __future__ import annotations

from typing import Any


class QueryError(Exception):
    """An error of a statement as the client sees it.

    `fatal` errors stop a request before it runs (status "fatal"); the others give "errors".
    `http` is the status line where no row has been sent yet.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        http: int = 200,
        fatal: bool = False,
        retry: bool = False,
        reason: dict[str, Any] | None = None,
        cause: dict[str, Any] | None = None,
        line: int = 0,
        column: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http = http
        self.fatal = fatal
        self.retry = retry
        self.reason = reason
        self.cause = cause
        self.line = line
        self.column = column

    def body(self) -> dict[str, Any]:
        """The entry of the response's `errors` array."""
        entry: dict[str, Any] = {"code": self.code, "msg": self.message}
        if self.line:
            entry["line"] = self.line
            entry["column"] = self.column
        if self.reason is not None:
            entry["reason"] = self.reason
        if self.cause is not None:
            entry["cause"] = self.cause
        if self.retry:
            entry["retry"] = True
        return entry


def near(position: tuple[int, int]) -> str:
    """The ` (near line L, column C)` that semantic errors carry; nothing without a position."""
    return f" (near line {position[0]}, column {position[1]})" if position[0] else ""


def syntax(message: str, line: int = 0, column: int = 0) -> QueryError:
    """3000: the statement cannot be read."""
    return QueryError(3000, message, http=400, fatal=True, line=line, column=column)


def semantic(code: int, message: str) -> QueryError:
    """An error of meaning found before anything runs (3xxx and 4xxx)."""
    return QueryError(code, message, http=400, fatal=True)


def not_supported(what: str) -> QueryError:
    """1020: a part of the language that this server does not have."""
    return QueryError(1020, f"{what} not yet implemented", http=501, fatal=True)


def functions_not_supported(language: str) -> QueryError:
    """10100: a function in a language that this server does not run."""
    return QueryError(
        10100,
        f"Functions of type {language} are only supported in Enterprise Edition",
        http=400,
        fatal=True,
    )


def ambiguous(name: str, position: tuple[int, int]) -> QueryError:
    """3080: a name that no term, variable or alias in scope explains."""
    return QueryError(
        3080,
        f"Ambiguous reference to field '{name}'{near(position)}.",
        http=400,
        fatal=True,
        line=position[0],
        column=position[1],
    )


def duplicate_variable(name: str, position: tuple[int, int]) -> QueryError:
    """3081: a variable declared twice in one scope."""
    return semantic(3081, f"Duplicate variable: '{name}' already in scope{near(position)}.")


def keyspace_not_found(path: str, cause: str | None = None) -> QueryError:
    """12003: no such collection."""
    message = f"Keyspace not found in CB datastore: {path}"
    if cause:
        message += f" - cause: {cause}"
    return QueryError(12003, message, http=404, fatal=True)


def bucket_not_found(path: str, bucket: str) -> QueryError:
    """12003 with the cause the server gives for a missing bucket."""
    return keyspace_not_found(path, f"No bucket named {bucket}")


def scope_not_found(path: str) -> QueryError:
    """12021: the bucket has no such scope."""
    return QueryError(12021, f"Scope not found in CB datastore: {path}", http=404, fatal=True)


def index_exists(name: str) -> QueryError:
    """4300: an index of this name is there already."""
    return QueryError(4300, f"The index {name} already exists.", http=409, reason={"name": name})


def index_not_found(name: str) -> QueryError:
    """12016: no index of this name on the keyspace."""
    return QueryError(12016, f"Index Not Found - cause: GSI index {name} not found.", http=404)


def primary_index_not_found() -> QueryError:
    """12004: the keyspace has no primary index."""
    return QueryError(
        12004, "Primary Index not found - cause: GSI index #primary not found.", http=404
    )


def no_such_prepared(name: str, context: str) -> QueryError:
    """4040: EXECUTE of a name that is not prepared."""
    return semantic(4040, f"No such prepared statement: {name}, context: {context or 'unset'}")


def evaluation(what: str, cause: str) -> QueryError:
    """5010: an expression could not be evaluated."""
    return QueryError(5010, f"Error evaluating {what} - cause: {cause}", http=500)


def duplicate_key(key: str) -> QueryError:
    """12009 caused by 17012: an INSERT of a key that exists."""
    return QueryError(
        12009,
        "DML Error, possible causes include concurrent modification. "
        f"Failed to perform INSERT on key {key} - cause: Duplicate Key: {key}",
        http=409,
        reason={
            "caller": "couchbase",
            "code": 17012,
            "key": "dml.statement.duplicatekey",
            "message": f"Duplicate Key: {key}",
        },
    )


def binary_document(operation: str, key: str) -> QueryError:
    """12030: a document that is not JSON cannot be changed by a statement."""
    return QueryError(
        12030,
        f"{operation} of binary document is not supported: {key}",
        http=400,
        reason={"operation": operation, "key": key},
    )


def cas_mismatch(operation: str, key: str) -> QueryError:
    """12009 caused by 12033: the document changed between its read and its write."""
    return QueryError(
        12009,
        "DML Error, possible causes include CAS mismatch. "
        f"Failed to perform {operation} on key {key} - cause: CAS mismatch",
        http=409,
        reason={"code": 12033, "key": "datastore.couchbase.CAS_mismatch", "message": key},
    )


def timed_out(timeout: str) -> QueryError:
    """1080: the request ran longer than its timeout."""
    return QueryError(1080, f"Timeout {timeout} exceeded", http=200, retry=True)
