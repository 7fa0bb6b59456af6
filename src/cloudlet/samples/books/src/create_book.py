"""POST /books: 201 with the book and its new id."""

import uuid

from http_api import answer, book_in, endpoint
from store import books


@endpoint
def handler(event, context):
    book = book_in(event)
    key = str(uuid.uuid4())
    books().insert(key, book)
    print(f"created {key}: {book['title']}")
    book.pop("type")
    return answer(201, {"id": key, **book})
