import com.couchbase.client.java.Bucket;
import com.couchbase.client.java.CouchbaseCluster;
import com.couchbase.client.java.cluster.ClusterManager;
import com.couchbase.client.java.cluster.DefaultBucketSettings;
import com.couchbase.client.java.bucket.BucketManager;
import com.couchbase.client.java.bucket.BucketType;
import com.couchbase.client.java.PersistTo;
import com.couchbase.client.java.document.JsonDocument;
import com.couchbase.client.java.document.StringDocument;
import com.couchbase.client.java.document.json.JsonArray;
import com.couchbase.client.java.document.json.JsonObject;
import com.couchbase.client.java.env.DefaultCouchbaseEnvironment;
import com.couchbase.client.java.error.CASMismatchException;
import com.couchbase.client.java.error.DocumentAlreadyExistsException;
import com.couchbase.client.java.error.IndexAlreadyExistsException;
import com.couchbase.client.java.error.TemporaryLockFailureException;
import com.couchbase.client.java.query.N1qlParams;
import com.couchbase.client.java.query.N1qlQuery;
import com.couchbase.client.java.query.N1qlQueryResult;
import com.couchbase.client.java.query.consistency.ScanConsistency;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Objects;
import java.util.logging.*;

/** Drives a document server with the Java SDK of 2016, which opens a bucket without a user. */
public final class Main {
  interface Work { void run() throws Exception; }

  static boolean failed;

  static void step(String name, Work work) {
    try {
      work.run();
      System.out.println("ok " + name);
    } catch (Throwable error) {
      failed = true;
      System.out.println("fail " + name + ": " + error);
    }
  }

  static void equal(Object got, Object want) {
    if (!Objects.equals(got, want)) throw new AssertionError("got " + got + ", want " + want);
  }

  static void fails(Class<? extends Exception> wanted, Work work) throws Exception {
    try {
      work.run();
    } catch (Exception error) {
      if (wanted.isInstance(error)) return;
      throw new AssertionError("expected " + wanted.getSimpleName() + ", got " + error, error);
    }
    throw new AssertionError("expected " + wanted.getSimpleName());
  }

  public static void main(String[] arguments) throws Exception {
    LogManager.getLogManager().reset();
    DefaultCouchbaseEnvironment.Builder builder = DefaultCouchbaseEnvironment.builder();
    String certificate = System.getenv("CB_CERTIFICATE");
    if (!certificate.isEmpty()) {
      builder.sslEnabled(true).sslKeystore(trusting(certificate))
          .bootstrapCarrierSslPort(Integer.parseInt(System.getenv("CB_KV_TLS_PORT")))
          .bootstrapHttpSslPort(Integer.parseInt(System.getenv("CB_MANAGEMENT_TLS_PORT")));
    }
    DefaultCouchbaseEnvironment environment = builder
        .bootstrapCarrierDirectPort(Integer.parseInt(System.getenv("CB_KV_PORT")))
        .bootstrapHttpDirectPort(Integer.parseInt(System.getenv("CB_MANAGEMENT_PORT")))
        .mutationTokensEnabled(true)
        .connectTimeout(20000)
        .build();
    CouchbaseCluster cluster = CouchbaseCluster.create(environment, "127.0.0.1");
    Bucket[] opened = new Bucket[1];
    step("open a bucket without credentials", () -> opened[0] = cluster.openBucket("default"));
    if (opened[0] != null) use(opened[0]);
    if (opened[0] != null) manage(cluster, opened[0]);
    step("close", cluster::disconnect);
    if (!failed) System.out.println("done");
    System.exit(failed ? 1 : 0);
  }

  static KeyStore trusting(String certificate) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream file = new FileInputStream(certificate)) {
      store.setCertificateEntry("server",
          CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    return store;
  }

  static void use(Bucket bucket) {
    JsonObject value = JsonObject.create().put("kind", "java2").put("n", 7);
    step("upsert and get", () -> {
      JsonDocument stored = bucket.upsert(JsonDocument.create("java2-1", 3600, value));
      JsonDocument found = bucket.get("java2-1");
      equal(found.content(), value);
      equal(found.cas(), stored.cas());
      equal(bucket.exists("java2-1"), true);
      equal(bucket.get("java2-none"), null);
    });
    step("insert, replace, cas, remove", () -> {
      JsonDocument first = bucket.insert(JsonDocument.create("java2-2", value));
      fails(DocumentAlreadyExistsException.class,
          () -> bucket.insert(JsonDocument.create("java2-2", value)));
      bucket.replace(JsonDocument.create("java2-2", 0, value, first.cas()));
      fails(CASMismatchException.class,
          () -> bucket.replace(JsonDocument.create("java2-2", 0, value, first.cas())));
      bucket.remove("java2-2");
      equal(bucket.get("java2-2"), null);
    });
    step("counters, append, touch", () -> {
      if (bucket.exists("java2-n")) bucket.remove("java2-n");
      equal(bucket.counter("java2-n", 5, 10).content(), 10L);
      equal(bucket.counter("java2-n", 5, 10).content(), 15L);
      equal(bucket.counter("java2-n", -50).content(), 0L);
      bucket.touch("java2-1", 60);
      bucket.getAndTouch("java2-1", 60);
    });
    step("lock and unlock", () -> {
      JsonDocument held = bucket.getAndLock("java2-1", 10);
      fails(TemporaryLockFailureException.class, () -> bucket.getAndLock("java2-1", 10));
      fails(CASMismatchException.class, () -> bucket.upsert(JsonDocument.create("java2-1", value)));
      bucket.unlock("java2-1", held.cas());
      bucket.upsert(JsonDocument.create("java2-1", value));
    });
    step("observed durability", () ->
        bucket.upsert(JsonDocument.create("java2-d", value), PersistTo.MASTER));
    step("sub-document", () -> {
      bucket.upsert(JsonDocument.create("java2-s", JsonObject.create().put("n", 1)));
      bucket.mutateIn("java2-s").counter("n", 41L, false)
          .upsert("x.y", true, true)
          .execute();
    });
    step("query", () -> {
      for (boolean adhoc : new boolean[] {true, false}) {
        N1qlQueryResult result = bucket.query(N1qlQuery.parameterized(
            "SELECT d.n FROM `default` d USE KEYS $1 WHERE d.kind = $2",
            JsonArray.from("java2-1", "java2"), N1qlParams.build().adhoc(adhoc)));
        equal(result.errors().toString(), "[]");
        equal(result.finalSuccess(), true);
        equal(result.allRows().get(0).value().getInt("n"), 7);
        equal(result.info().resultCount(), 1);
      }
      N1qlQueryResult wrong = bucket.query(N1qlQuery.simple("SELEC nothing"));
      equal(wrong.finalSuccess(), false);
      equal(wrong.errors().get(0).getInt("code"), 3000);
    });
    step("query options", () -> {
      N1qlQueryResult result = bucket.query(N1qlQuery.parameterized(
          "SELECT d.n FROM `default` d USE KEYS $key", JsonObject.create().put("key", "java2-1"),
          N1qlParams.build().consistency(ScanConsistency.REQUEST_PLUS).withContextId("mine")));
      equal(result.errors().toString(), "[]");
      equal(result.allRows().get(0).value().getInt("n"), 7);
      equal(result.clientContextId(), "mine");
    });
    step("query indexes", () -> {
      BucketManager manager = bucket.bucketManager();
      manager.createN1qlPrimaryIndex(true, false);
      manager.createN1qlIndex("java2_kind", false, false, "kind");
      fails(IndexAlreadyExistsException.class,
          () -> manager.createN1qlIndex("java2_kind", false, false, "kind"));
      equal(manager.listN1qlIndexes().stream().anyMatch(one -> one.name().equals("java2_kind")),
          true);
      manager.dropN1qlIndex("java2_kind", false);
    });
  }

  static void manage(CouchbaseCluster cluster, Bucket bucket) {
    step("append, prepend, read of any replica", () -> {
      bucket.upsert(StringDocument.create("java2-b", "mid"));
      bucket.append(StringDocument.create("java2-b", "end"));
      bucket.prepend(StringDocument.create("java2-b", "start"));
      equal(bucket.get("java2-b", StringDocument.class).content(), "startmidend");
      equal(bucket.getFromReplica("java2-1").next().content().getString("kind"), "java2");
    });
    step("buckets", () -> {
      ClusterManager manager = cluster.clusterManager("Administrator", "password");
      manager.insertBucket(DefaultBucketSettings.builder().name("java2-made").quota(100)
          .password("").enableFlush(true).build());
      equal(manager.hasBucket("java2-made"), true);
      equal(manager.getBucket("java2-made").type(), BucketType.COUCHBASE);
      manager.removeBucket("java2-made");
      equal(manager.hasBucket("java2-made"), false);
      equal(bucket.bucketManager().info().name(), "default");
    });
    step("query indexes", () -> {
      bucket.bucketManager().createN1qlPrimaryIndex(true, false);
      bucket.bucketManager().createN1qlIndex("java2_kind", true, false, "kind");
      equal(bucket.bucketManager().listN1qlIndexes().stream()
          .anyMatch(one -> one.name().equals("java2_kind")), true);
      bucket.bucketManager().dropN1qlIndex("java2_kind", false);
    });
  }
}
