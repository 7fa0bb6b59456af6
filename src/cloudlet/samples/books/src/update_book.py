"""PUT /books/{id}: replaces the whole book."""

from couchbase.exceptions import DocumentNotFoundException
from http_api import answer, book_in, endpoint
from store import books


@endpoint
def handler(event, context):
    key = event["pathParameters"]["id"]
    book = book_in(event)
    try:
        books().replace(key, book)
    except DocumentNotFoundException:
        return answer(404, {"message": f"There is no book {key}."})
    book.pop("type")
    return answer(200, {"id": key, **book})
