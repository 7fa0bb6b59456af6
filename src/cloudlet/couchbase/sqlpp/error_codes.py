"""Every error code that the query service answers with, for FINDERR and the reference page.

The numbers are the reference's; the texts say what each one means here.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple


class Code(NamedTuple):
    """What an error code means, and whose doing it is (Yes: the user's)."""

    description: str
    user_error: str = "Yes"


CODES: Final[dict[int, Code]] = {
    1000: Code("A statement that writes came in a read-only request."),
    1020: Code("A part of the language that this server does not have.", "No"),
    1030: Code("A request parameter has a value that is none of those it may have."),
    1040: Code("The value of a request parameter cannot be read."),
    1050: Code("The request has neither a statement nor the name of a prepared one."),
    1060: Code("A request parameter is given more than once."),
    1065: Code("The request has a parameter that does not exist."),
    1070: Code("The value of a request parameter is of another type."),
    1080: Code("The request took longer than its timeout.", "Maybe"),
    1110: Code("The client context id holds a character that it must not hold."),
    1120: Code("The request's media type is neither a form nor JSON."),
    1170: Code("The request's HTTP method is not served."),
    1180: Code("The service is shutting down.", "No"),
    1193: Code("The request's body is too large."),
    3000: Code("The statement does not follow the grammar; line and column say where."),
    3080: Code("A field's name could belong to more than one FROM term."),
    3081: Code("A variable's name is taken in its scope."),
    3100: Code("The statement breaks a rule that the grammar alone does not hold."),
    3150: Code("A MERGE with ON KEY must not give a key in its INSERT."),
    3160: Code("A MERGE with ON must give a key in its INSERT."),
    3220: Code("A window function is used in a way that it does not allow."),
    3280: Code("An index key cannot be indexed."),
    3300: Code("A recursive WITH term has a clause that it may not have."),
    3302: Code("A recursive WITH term names itself more than once in FROM."),
    3303: Code("A recursive WITH term has an option that does not exist."),
    3305: Code("A recursive WITH term ended at the implicit number of documents (a warning)."),
    3306: Code("A recursive WITH term ended at the implicit number of levels (a warning)."),
    3307: Code("A field of CYCLE is no path."),
    4010: Code("A FROM term needs an alias."),
    4020: Code("An alias is given twice."),
    4040: Code("No statement is prepared under the name."),
    4060: Code("Another statement is prepared under the name."),
    4070: Code("An encoded plan cannot be decoded."),
    4090: Code("An encoded plan is of another name than the request's."),
    4100: Code("An index join finds no index for its term."),
    4210: Code("An expression over groups is neither a group key nor an aggregate."),
    4300: Code("An index of the name exists."),
    4310: Code("META() needs an argument where there are several FROM terms."),
    4321: Code("The statement is nested too deeply to be planned.", "Maybe"),
    5000: Code("The server failed; its log says how.", "No"),
    5003: Code("EXECUTE has its parameters in two places, or in a form that it does not take."),
    5007: Code("CURL() was asked for an address outside of the configured list."),
    5010: Code("An expression could not be evaluated."),
    5011: Code("ABORT() was called, or a regular expression cannot be read."),
    5030: Code("LIMIT, OFFSET or the like is not a number that may stand there."),
    5035: Code("A function was asked to make more than it may."),
    5210: Code("The user or group does not exist."),
    5320: Code("A MERGE would change a document twice."),
    5330: Code("A MERGE would insert a document twice."),
    5500: Code("The request needs more memory than its quota.", "Maybe"),
    7000: Code("INFER has an option that does not exist, or a value that it cannot have."),
    7001: Code("An option of INFER must be a number."),
    7014: Code("INFER found no documents."),
    7023: Code("The options of INFER must be an object."),
    10101: Code("The function does not exist."),
    10102: Code("A function of the name exists."),
    10104: Code("A function is called with another number of arguments than it has."),
    10105: Code("A function's name has two or four parts with its namespace."),
    10109: Code("A user-defined function ended with an error.", "Maybe"),
    10112: Code("A user-defined function calls itself."),
    10201: Code("The query context is no bucket and scope."),
    10204: Code("A collection's name has four parts with its namespace."),
    10205: Code("A keyspace's name has two or four parts with its namespace."),
    10207: Code("A scope's name has three parts with its namespace."),
    10501: Code("ADVISOR has an action that it does not know."),
    11002: Code("No such system keyspace."),
    11003: Code("System keyspaces cannot be changed."),
    11004: Code("System keyspaces have no indexes, scopes or collections of one's own."),
    12002: Code("No such namespace."),
    12003: Code("No such keyspace."),
    12004: Code("The keyspace has no primary index."),
    12009: Code("A document was not changed: its key is taken, or it changed meanwhile.", "Maybe"),
    12016: Code("No such index."),
    12021: Code("No such scope."),
    12025: Code("A scope could not be made."),
    12027: Code("A collection could not be made."),
    12030: Code("A document that is not JSON cannot be changed by a statement."),
    12038: Code("WITH has an option that does not exist."),
    12039: Code("An option of WITH has a value of another type."),
    13014: Code("The user has no role that allows the statement."),
    17002: Code("The statement cannot run in a transaction."),
    17004: Code("There is no such transaction."),
    17005: Code("A transaction's statement came out of order."),
    17006: Code("The transaction could not begin with what was staged before.", "Maybe"),
    17007: Code("The transaction could not be committed: another one wrote first.", "Maybe"),
    17009: Code("No such savepoint."),
    17010: Code("The transaction took longer than its timeout.", "Maybe"),
    17012: Code("The document's key is taken."),
    17013: Code("Another statement of the transaction is running."),
    17014: Code("The document's key is not there."),
    17015: Code("The document changed since the transaction read it.", "Maybe"),
    17021: Code("Too many transactions are open.", "Maybe"),
    19104: Code("A sequence's limits, start or increment do not fit together."),
    19105: Code("A sequence's cache is not a positive number."),
    19106: Code("No such sequence."),
    19108: Code("A sequence of the name exists."),
    19111: Code("A sequence has no next value."),
    19118: Code("A sequence has given no value yet."),
}


def details(code: int) -> dict[str, Any]:
    """An error as FINDERR shows it."""
    found = CODES[code]
    return {
        "applies_to": "Server",
        "code": code,
        "description": found.description,
        "user_error": found.user_error,
    }
