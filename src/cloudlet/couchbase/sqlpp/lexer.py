"""From a statement's text to its tokens, each with its line and column."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Final, NamedTuple

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.pausing import pause


class Kind(Enum):
    """What a token is."""

    WORD = "word"  # a keyword or a plain identifier: which one, the parser decides
    QUOTED = "quoted"  # an identifier in backticks
    CASELESS = "caseless"  # one with an i after it: `name`i
    STRING = "string"
    NUMBER = "number"
    PARAMETER = "parameter"  # value: a name, a position from 1, or None for ?
    SYMBOL = "symbol"
    HINT = "hint"  # a comment that begins with a plus sign
    END = "end"


class Token(NamedTuple):
    """One token; `upper` is a word's text in capitals or a symbol itself, else empty."""

    kind: Kind
    text: str
    upper: str
    value: Any
    start: int
    end: int


_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]*)
    | (?P<comment>/\*)
    | (?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_$]*)
    | (?P<string>"[^"\\]{0,99}"(?!") | '[^'\\]{0,99}'(?!'))
    | (?P<quote>["'])  # of a long string, or one with escapes
    | (?P<quoted>`(?:[^`\\]|\\.|``)+`i?)
    | (?P<parameter>[$@](?:[A-Za-z_][A-Za-z0-9_]*|\d+) | \?)
    | (?P<symbol>\|\| | << | >> | <= | >= | <> | != | == | [-+*/%^=<>()\[\]{},.:;])
    """,
    re.VERBOSE | re.DOTALL,
)

_SIMPLE_ESCAPES: Final = {
    "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "/": "/", "\\": "\\", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)|(\"\"|''|``)", re.DOTALL)
_DOUBLES: Final = ('""', "''", "``")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

# Words that cannot be an identifier without backticks (reserved words of the reference).
RESERVED: Final = frozenset(
    """
    ADVISE ALL ALTER ANALYZE AND ANY ARRAY AS ASC AT BEGIN BETWEEN BINARY BOOLEAN BREAK BUCKET
    BUILD BY CACHE CALL CASE CAST CLUSTER COLLATE COLLECTION COMMIT COMMITTED CONNECT CONTINUE
    CORRELATED COVER CREATE CURRENT CYCLE DATABASE DATASET DATASTORE DECLARE DECREMENT DELETE
    DERIVED DESC DESCRIBE DISTINCT DO DROP EACH ELEMENT ELSE END ESCAPE EVERY EXCEPT EXCLUDE
    EXECUTE EXISTS EXPLAIN FALSE FETCH FILTER FIRST FLATTEN FLATTEN_KEYS FLUSH FOLLOWING FOR FORCE
    FROM FTS FUNCTION GOLANG GRANT GROUP GROUPS GSI HASH HAVING IF IGNORE ILIKE IN INCLUDE
    INCREMENT INDEX INFER INLINE INNER INSERT INTERSECT INTO IS ISOLATION JAVASCRIPT JOIN KEY KEYS
    KEYSPACE KNOWN LANGUAGE LAST LATERAL LEFT LET LETTING LEVEL LIKE LIMIT LSM MAP MAPPING MATCHED
    MATERIALIZED MAXVALUE MERGE MINUS MINVALUE MISSING NAMESPACE NEST NEXT NEXTVAL NL NO NOT
    NTH_VALUE NULL NULLS NUMBER OBJECT OFFSET ON OPTION OPTIONS OR ORDER OTHERS OUTER OVER PARSE
    PARTITION PASSWORD PATH POOL PRECEDING PREPARE PREV PREVIOUS PREVVAL PRIMARY PRIVATE PRIVILEGE
    PROBE PROCEDURE PUBLIC RANGE RAW READ REALM RECURSIVE REDUCE RENAME REPLACE RESPECT RESTART
    RESTRICT RETURN RETURNING REVOKE RIGHT ROLE ROLLBACK ROW ROWS SATISFIES SAVEPOINT SCHEMA SCOPE
    SELECT SELF SEMI SEQUENCE SET SHOW SOME START STATISTICS STRING SYSTEM THEN TIES TO TRAN
    TRANSACTION TRIGGER TRUE TRUNCATE UNBOUNDED UNDER UNION UNIQUE UNKNOWN UNNEST UNSET UPDATE
    UPSERT USE USER USING VALIDATE VALUE VALUED VALUES VECTOR VIA VIEW WHEN WHERE WHILE WINDOW WITH
    WITHIN WORK XOR
    """.split()  # noqa: SIM905
)


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of an offset in the statement."""
    line = text.count("\n", 0, offset) + 1
    return line, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _unescape(body: str, at: int, text: str) -> str:
    if "\\" not in body and not any(double in body for double in _DOUBLES):
        return body

    def replace(match: re.Match[str]) -> str:
        if match.group(2):
            return match.group(2)[0]
        escape = match.group(1)
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        found = _SIMPLE_ESCAPES.get(escape)
        if found is None:
            line, column = position(text, at)
            raise errors.syntax(
                f"syntax error: invalid escape sequence - line {line}, column {column}, "
                f"near '{_before(text, at)}', at: {text[at : at + 1]}",
                line,
                column,
            )
        return found

    parts, end = [], 0
    for match in _ESCAPE.finditer(body):
        parts += [body[end : match.start()], replace(match)]
        end = match.end()
        pause()
    value = "".join([*parts, body[end:]]) if parts else body
    # Escaped surrogate pairs make one character, as in JSON; a lone half becomes U+FFFD.
    if parts and _SURROGATE.search(value) is not None:
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _before(text: str, offset: int) -> str:
    start = text.rfind("\n", 0, offset) + 1
    before = text[max(start, offset - 20) : offset]
    return before.rstrip(" \t") + (" " if before != before.rstrip(" \t") else "")


def unexpected(text: str, token: Token) -> errors.QueryError:
    """3000 for a token that cannot stand where it stands."""
    if token.kind is Kind.END:
        return errors.syntax("syntax error - at end of input")
    line, column = position(text, token.start)
    before = _before(text, token.start)
    message = f"syntax error - line {line}, column {column}, "
    if before:
        message += f"near '{before}', "
    message += f"at: {token.text}"
    if token.kind is Kind.WORD and token.upper in RESERVED:
        message += " (reserved word)"
    return errors.syntax(message, line, column)


def _bad_character(text: str, offset: int) -> errors.QueryError:
    line, column = position(text, offset)
    char = text[offset]
    if char in "\"'`":
        reason = "syntax error: missing closing quote"
    elif text.startswith("/*", offset):
        reason = "syntax error: unterminated comment"
    else:
        reason = "syntax error: invalid character"
    return errors.syntax(
        f"{reason} - line {line}, column {column}, "
        f"near '{_before(text, offset)}', at: {text[offset : offset + 20]}",
        line,
        column,
    )


def _number(text: str) -> int | float:
    if text.isdigit():
        value = int(text) if len(text) < 25 else float(text)
        return value if value <= 2**63 - 1 else float(value)
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 1e18 else value


def _string_end(text: str, start: int) -> int:
    """Where the string ends that begins with the quote at `start`; -1 if it does not."""
    quote, at = text[start], start + 1
    end, escape = text.find(quote, at), text.find("\\", at)
    while end >= 0:
        if 0 <= escape < end:
            at = escape + 2
        elif text.startswith(quote, end + 1):
            at = end + 2
        else:
            return end + 1
        if 0 <= escape < at:
            escape = text.find("\\", at)
        if end < at:
            end = text.find(quote, at)
        pause()
    return -1


def tokenize(text: str) -> list[Token]:
    """All tokens of a statement, ending with one of kind END; QueryError 3000 on bad text."""
    tokens: list[Token] = []
    offset, size = 0, len(text)
    match_at = _TOKEN.match
    while offset < size:
        match = match_at(text, offset)
        group = match.lastgroup if match is not None else None
        end = match.end() if match is not None else -1
        if group == "comment":
            closing = text.find("*/", end)
            end = closing + 2 if closing >= 0 else -1
        elif group == "quote":
            group, end = "string", _string_end(text, offset)
        if end < 0:
            raise _bad_character(text, offset)
        start, offset = offset, end
        if len(tokens) % 16 == 0:
            pause()
        lexeme = text[start:end]
        if group in ("space", "comment"):
            if lexeme.startswith(("/*+", "--+")):
                tokens.append(Token(Kind.HINT, lexeme, "", None, start, offset))
            continue
        tokens.append(_token(group or "", lexeme, start, offset, text))
    tokens.append(Token(Kind.END, "", "", None, size, size))
    return tokens


def _token(group: str, lexeme: str, start: int, end: int, text: str) -> Token:
    if group == "word":
        return Token(Kind.WORD, lexeme, lexeme.upper(), lexeme, start, end)
    if group == "symbol":
        return Token(Kind.SYMBOL, lexeme, lexeme, None, start, end)
    if group == "number":
        return Token(Kind.NUMBER, lexeme, "", _number(lexeme), start, end)
    if group == "string":
        return Token(Kind.STRING, lexeme, "", _unescape(lexeme[1:-1], start, text), start, end)
    if group == "quoted":
        kind = Kind.CASELESS if lexeme.endswith("`i") else Kind.QUOTED
        bare = lexeme.removesuffix("i")[1:-1]
        return Token(kind, lexeme, "", _unescape(bare, start, text), start, end)
    name: str | int | None = lexeme[1:] or None
    if isinstance(name, str) and name.isdigit():
        name = int(name)
    return Token(Kind.PARAMETER, lexeme, "", name, start, end)
