"""The parameters of a query request, from a form, a JSON body or the address."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.decoding import decoded
from cloudlet.couchbase.sqlpp.durations import parse_duration
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.planner.catalog import query_context

# Parameters of the reference that change nothing on one node: they are read and let be.
_TOLERATED: Final = frozenset(
    """
    atrcollection autoprepare compression controls creds durability_level durability_timeout
    encoding error_limit format kvtimeout log_level max_parallelism namespace numatrs
    pipeline_batch pipeline_cap pretty scan_cap scan_vector scan_vectors scan_wait
    sort_projection txstmtnum use_cbo use_fts use_replica
    """.split()  # noqa: SIM905
)
_CONSISTENCY: Final = ("not_bounded", "at_plus", "request_plus", "statement_plus")
_MISSING_STATEMENT: Final = "No statement or prepared value"


@dataclass(slots=True)
class Request:
    """One request, read and checked."""

    statement: str | None = None
    prepared: str | None = None
    encoded_plan: str | None = None
    client_context_id: str | None = None
    named: dict[str, Any] = field(default_factory=dict)
    positional: list[Any] = field(default_factory=list)
    timeout_s: float | None = None
    timeout_text: str = ""
    readonly: bool = False
    metrics: bool = True
    signature: bool = True
    auto_execute: bool = False
    preserve_expiry: bool = False
    query_context: tuple[str, str] | None = None
    memory_quota_mb: int = 0
    profile: str = "off"
    txid: str | None = None
    tximplicit: bool = False
    txtimeout_s: float | None = None
    txdata: dict[str, Any] | None = None
    user: str = ""


def read_request(
    query: bytes, body: bytes | bytearray, content_type: str, *, readonly: bool
) -> Request:
    """The request of an address and a body; QueryError 10xx where it is not in order."""
    request = Request(readonly=readonly)
    pairs: list[tuple[str, Any]] = list(_form(query))
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        pass
    elif kind == "application/json":
        pairs.extend(_json(body))
    elif kind in ("application/x-www-form-urlencoded", ""):
        pairs.extend(_form(body))
    else:
        raise _bad(1120, f"Unsupported media type: {content_type}", http=415)
    seen: set[str] = set()
    for name, value in pairs:
        lowered = name if name.startswith(("$", "@")) else name.lower()
        if lowered in seen:
            raise _bad(1060, f"Multiple values for {lowered}.")
        seen.add(lowered)
        pause()
        _take(request, lowered, value)
    if request.statement is None and request.prepared is None:
        raise _bad(1050, _MISSING_STATEMENT)
    return request


def _bad(code: int, message: str, *, http: int = 400) -> errors.QueryError:
    return errors.QueryError(code, message, http=http, fatal=True)


def _form(data: bytes | bytearray) -> Iterable[tuple[str, Any]]:
    """The fields of a form; args and the values of $names are JSON in it."""
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise _bad(1040, "Error processing form") from None
    for name, value in pairs:
        if name[:1] in ("$", "@") or name.lower() == "args":
            try:
                yield name, msgspec.json.decode(value)
            except (msgspec.DecodeError, RecursionError) as error:
                raise _bad(1040, f"Error processing {name} - cause: {error}") from None
        else:
            yield name, value


def _json(body: bytes | bytearray) -> Iterable[tuple[str, Any]]:
    try:
        found = decoded(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _bad(1040, f"Error processing JSON - cause: {error}") from None
    if type(found) is not dict:
        raise _bad(1070, "JSON request has to be of type object")
    return found.items()


def _take(request: Request, name: str, value: Any) -> None:
    if name[:1] in ("$", "@"):
        request.named[name[1:]] = value
        return
    if name in ("statement", "prepared", "encoded_plan", "client_context_id"):
        setattr(request, name, _text(name, value))
        return
    if name in ("readonly", "metrics", "signature", "auto_execute", "preserve_expiry"):
        given = _flag(name, value)
        setattr(request, name, given or (name == "readonly" and request.readonly))
        return
    special = _SPECIAL.get(name)
    if special is not None:
        special(request, value)
    elif name not in _TOLERATED:
        raise _bad(1065, f"Unrecognized parameter in request: {name}")


def _text(name: str, value: Any) -> str:
    if type(value) is not str:
        raise _bad(1070, f"{name} has to be of type string")
    if name == "client_context_id" and ("\\" in value or '"' in value):
        raise _bad(1110, 'forbidden character (\\ or ") in client_context_id')
    return value


def _flag(name: str, value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str and value.lower() in ("true", "false", ""):
        return value.lower() == "true"
    raise _bad(1070, f"{name} has to be of type boolean")


def _args(request: Request, value: Any) -> None:
    if type(value) is not list:
        raise _bad(1070, "args has to be of type array")
    request.positional = value


def _timeout(request: Request, value: Any) -> None:
    text = value if type(value) is str else f"{value}s"
    seconds = parse_duration(text)
    if seconds is None and text.isdigit():
        seconds = float(text)
        text += "s"
    if seconds is None:
        raise _bad(1040, f'Error processing timeout - cause: time: invalid duration "{text}"')
    if seconds > 0:
        request.timeout_s, request.timeout_text = seconds, text


def _context(request: Request, value: Any) -> None:
    request.query_context = query_context(_text("query_context", value))


def _memory_quota(request: Request, value: Any) -> None:
    number = int(value) if type(value) is str and value.isdigit() else value
    if type(number) is not int or number < 0:
        raise _bad(1070, "memory_quota has to be of type number")
    request.memory_quota_mb = number


def _consistency(_request: Request, value: Any) -> None:
    # Reads see every acknowledged mutation, which satisfies all levels.
    if type(value) is not str or value.lower() not in _CONSISTENCY:
        raise _bad(1030, f"Unknown scan_consistency value: {value}")


def _profile(request: Request, value: Any) -> None:
    level = _text("profile", value).lower()
    if level not in ("off", "phases", "timings"):
        raise _bad(1030, f"Unknown profile value: {value}")
    request.profile = level


def _txid(request: Request, value: Any) -> None:
    request.txid = _text("txid", value) or None


def _tximplicit(request: Request, value: Any) -> None:
    request.tximplicit = _flag("tximplicit", value)


def _txtimeout(request: Request, value: Any) -> None:
    seconds = parse_duration(value) if type(value) is str else None
    if seconds is None or seconds < 0:
        raise _bad(1040, f"Error processing txtimeout - cause: invalid duration {value}")
    request.txtimeout_s = seconds or None


def _txdata(request: Request, value: Any) -> None:
    found = value
    if type(value) is str and value:
        try:
            found = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            found = value
    if found and type(found) is not dict:
        raise _bad(1070, "txdata has to be of type object")
    request.txdata = found or None


_SPECIAL: Final = {
    "args": _args,
    "memory_quota": _memory_quota,
    "timeout": _timeout,
    "query_context": _context,
    "profile": _profile,
    "scan_consistency": _consistency,
    "txid": _txid,
    "tximplicit": _tximplicit,
    "txtimeout": _txtimeout,
    "txdata": _txdata,
}
