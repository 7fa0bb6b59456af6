"""GET /books: the books by title, `?limit=` (100) and `?offset=` (0) for pages."""

from couchbase.options import QueryOptions
from couchbase.n1ql import QueryScanConsistency
from http_api import BadRequest, answer, endpoint
from store import BUCKET, cluster

QUERY = f"""
    SELECT META(b).id, b.title, b.author, b.year
    FROM `{BUCKET}` AS b
    WHERE b.type = "book"
    ORDER BY b.title, META(b).id
    LIMIT $limit OFFSET $offset
"""


def number(parameters, name, default):
    try:
        return max(0, int(parameters.get(name, default)))
    except ValueError:
        raise BadRequest(f"{name} must be a number.") from None


@endpoint
def handler(event, context):
    parameters = event.get("queryStringParameters") or {}
    options = QueryOptions(
        named_parameters={
            "limit": min(1000, number(parameters, "limit", 100)),
            "offset": number(parameters, "offset", 0),
        },
        scan_consistency=QueryScanConsistency.REQUEST_PLUS,
    )
    return answer(200, list(cluster().query(QUERY, options)))
