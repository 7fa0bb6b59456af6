"""Hint comments: `/*+ ... */` and `--+ ...` in the plain form or as a JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from cloudlet.couchbase.sqlpp import lexer
from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.hints import ALIASES, INDEX_HINTS, JOIN_HINTS, TEXT_HINTS, Hint
from cloudlet.couchbase.sqlpp.lexer import Kind, Token
from cloudlet.couchbase.sqlpp.parser.stream import Stream


def comment(stream: Stream) -> tuple[Hint, ...]:
    """The hints of the comment that stands here, if one does; none of them stops a statement."""
    if stream.token.kind is not Kind.HINT:
        return ()
    text = stream.advance().text[3:].removesuffix("*/").strip()
    if text.startswith("{"):
        return tuple(_json(text))
    try:
        return tuple(_plain(lexer.tokenize(text)[:-1]))
    except QueryError:
        return (Hint(text, invalid="Syntax error"),)


def _plain(tokens: list[Token]) -> Iterator[Hint]:
    """`NAME` or `NAME(keyspace index ...)`, one after the other."""
    at = 0
    while at < len(tokens):
        name = tokens[at].text
        at += 1
        arguments: list[str] | None = None
        if at < len(tokens) and tokens[at].text == "(":
            arguments = []
            at += 1
            while at < len(tokens) and tokens[at].text != ")":
                word = str(tokens[at].value or tokens[at].text)
                if word == "/" or (arguments and arguments[-1].endswith("/")):
                    arguments = arguments or [""]
                    arguments[-1] += word
                else:
                    arguments.append(word)
                at += 1
            at += 1
        yield from _made(name, arguments)


def _made(name: str, arguments: list[str] | None) -> Iterator[Hint]:
    upper = ALIASES.get(name.upper(), name.upper())
    shown = name if arguments is None else f"{name}({' '.join(arguments)})"
    if upper == "ORDERED":
        extra = f"Argument not expected: ({' '.join(arguments)})" if arguments is not None else ""
        yield Hint(shown if extra else upper, invalid=extra)
    elif upper not in INDEX_HINTS | TEXT_HINTS | JOIN_HINTS:
        yield Hint(shown, invalid="Invalid hint name")
    elif not arguments:
        yield Hint(shown, invalid=f"Missing argument for {name}")
    elif upper in JOIN_HINTS:
        for argument in arguments:
            yield _join(upper, argument, shown)
    else:
        wrong = next((one for one in arguments if "/" in one), None)
        if wrong is not None:
            yield Hint(shown, invalid=f"Invalid '/' found in {wrong}")
        elif upper == "INDEX_ALL" and len(arguments) < 3:
            yield Hint(shown, invalid="INDEX_ALL hint must have more than one index specified")
        else:
            yield Hint(upper, arguments[0], tuple(arguments[1:]))


def _join(name: str, argument: str, shown: str) -> Hint:
    keyspace, slash, option = argument.partition("/")
    if not slash:
        return Hint(name, keyspace)
    if name != "USE_HASH":
        reason = f"Invalid '/' found in {argument}"
        if "HASH" in name:
            reason = "Hash option (BUILD or PROBE) not allowed in NO_HASH/AVOID_HASH hints"
        return Hint(shown, invalid=reason)
    if option.upper() not in ("BUILD", "PROBE"):
        return Hint(shown, invalid=f"Invalid hash option (BUILD or PROBE only):  {option}")
    return Hint(name, keyspace, option=option.upper())


def _json(text: str) -> Iterator[Hint]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        yield Hint(text, invalid="Syntax error")
        return
    for name, given in found.items():
        upper = ALIASES.get(name.upper(), name.upper())
        whole = msgspec.json.encode({name: given}).decode()
        if upper == "ORDERED" and given is True:
            yield Hint(upper, json=True)
        elif upper in INDEX_HINTS | TEXT_HINTS | JOIN_HINTS:
            for one in given if type(given) is list else [given]:
                yield _from_object(upper, one, whole)
        else:
            yield Hint(whole, invalid="Invalid hint name", json=True)


def _from_object(name: str, given: Any, whole: str) -> Hint:
    fields = {key.lower(): value for key, value in given.items()} if type(given) is dict else {}
    keyspace = fields.pop("keyspace", None) or fields.pop("alias", None)
    indexes = fields.pop("indexes", None) if name not in JOIN_HINTS else None
    option = fields.pop("option", None) if name == "USE_HASH" else None
    names = [indexes] if type(indexes) is str else (indexes or [])
    reason = ""
    if type(keyspace) is not str:
        reason = f"Missing argument for {name.lower()}"
    elif fields:
        reason = f"Invalid field specified: {min(fields)}"
    elif type(names) is not list or any(type(one) is not str for one in names):
        reason = f"Index name(s) must be string in: {name.lower()}"
    elif name == "INDEX_ALL" and len(names) < 2:
        reason = "INDEX_ALL hint must have more than one index specified"
    elif option is not None and str(option).upper() not in ("BUILD", "PROBE"):
        reason = f"Invalid hash option (BUILD or PROBE only):  {option}"
    if reason:
        return Hint(whole, invalid=reason, json=True)
    return Hint(name, str(keyspace), tuple(names), str(option or "").upper(), json=True)
