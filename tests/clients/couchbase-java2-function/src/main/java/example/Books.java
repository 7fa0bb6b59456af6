package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.couchbase.client.java.Bucket;
import com.couchbase.client.java.CouchbaseCluster;
import com.couchbase.client.java.document.JsonDocument;
import com.couchbase.client.java.document.json.JsonArray;
import com.couchbase.client.java.document.json.JsonObject;
import com.couchbase.client.java.env.DefaultCouchbaseEnvironment;
import com.couchbase.client.java.query.N1qlQuery;
import com.couchbase.client.java.query.N1qlQueryResult;
import com.couchbase.client.java.query.N1qlQueryRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A microservice as they were written in 2016: one bucket, opened once and without a user. */
public class Books implements RequestHandler<Map<String, String>, List<String>> {
    private static final Bucket BUCKET = CouchbaseCluster
            .create(
                    DefaultCouchbaseEnvironment.builder()
                            .bootstrapCarrierDirectPort(Integer.parseInt(System.getenv("KV_PORT")))
                            .bootstrapHttpDirectPort(Integer.parseInt(System.getenv("HTTP_PORT")))
                            .connectTimeout(20000)
                            .kvTimeout(10000)
                            .build(),
                    System.getenv("HOST"))
            .openBucket("default");

    @Override
    public List<String> handleRequest(Map<String, String> book, Context context) {
        JsonObject content = JsonObject.create()
                .put("title", book.get("title"))
                .put("author", book.get("author"));
        BUCKET.upsert(JsonDocument.create(book.get("isbn"), content));
        if (!BUCKET.get(book.get("isbn")).content().equals(content)) {
            throw new IllegalStateException("another document was read");
        }
        N1qlQueryResult found = BUCKET.query(N1qlQuery.parameterized(
                "SELECT b.title FROM `default` b WHERE b.author = $1 ORDER BY b.title",
                JsonArray.from(book.get("author"))));
        if (!found.finalSuccess()) {
            throw new IllegalStateException(found.errors().toString());
        }
        List<String> titles = new ArrayList<String>();
        for (N1qlQueryRow row : found) {
            titles.add(row.value().getString("title"));
        }
        return titles;
    }
}
