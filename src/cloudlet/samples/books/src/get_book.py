"""GET /books/{id}."""

from couchbase.exceptions import DocumentNotFoundException
from http_api import answer, endpoint
from store import books


@endpoint
def handler(event, context):
    key = event["pathParameters"]["id"]
    try:
        book = books().get(key).content_as[dict]
    except DocumentNotFoundException:
        return answer(404, {"message": f"There is no book {key}."})
    book.pop("type", None)
    return answer(200, {"id": key, **book})
