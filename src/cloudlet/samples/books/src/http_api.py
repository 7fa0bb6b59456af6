"""Requests and answers of the API, as API Gateway's proxy integration words them."""

import base64
import functools
import json

HEADERS = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"}
FIELDS = {"title": str, "author": str, "year": int}


class BadRequest(Exception):
    """What the client sent cannot be a book; the text says why."""


def answer(status, body=None):
    """The proxy integration's answer; no body for 204."""
    text = "" if body is None else json.dumps(body)
    return {"statusCode": status, "headers": HEADERS, "body": text}


def endpoint(handler):
    """Turn bad requests into 400; anything else is the function's error, a 502 to the client."""

    @functools.wraps(handler)
    def wrapped(event, context):
        try:
            return handler(event, context)
        except BadRequest as error:
            return answer(400, {"message": str(error)})

    return wrapped


def book_in(event):
    """The book in the request's body, checked; `BadRequest` if it is not one."""
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    try:
        given = json.loads(body)
    except ValueError:
        raise BadRequest("The body must be a JSON object.") from None
    if not isinstance(given, dict):
        raise BadRequest("The body must be a JSON object.")
    book = {"type": "book"}
    for field, kind in FIELDS.items():
        value = given.get(field)
        if not isinstance(value, kind) or isinstance(value, bool) or value == "":
            raise BadRequest(f"{field} must be a {'text' if kind is str else 'number'}.")
        book[field] = value
    return book
