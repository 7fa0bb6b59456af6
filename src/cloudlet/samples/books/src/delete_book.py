"""DELETE /books/{id}: 204, or 404 if there is none."""

from couchbase.exceptions import DocumentNotFoundException
from http_api import answer, endpoint
from store import books


@endpoint
def handler(event, context):
    key = event["pathParameters"]["id"]
    try:
        books().remove(key)
    except DocumentNotFoundException:
        return answer(404, {"message": f"There is no book {key}."})
    print(f"deleted {key}")
    return answer(204)
