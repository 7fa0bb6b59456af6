import static com.couchbase.client.java.kv.GetOptions.getOptions;
import static com.couchbase.client.java.kv.LookupInSpec.count;
import static com.couchbase.client.java.kv.LookupInSpec.exists;
import static com.couchbase.client.java.kv.LookupInSpec.get;
import static com.couchbase.client.java.kv.MutateInSpec.arrayAppend;
import static com.couchbase.client.java.kv.MutateInSpec.increment;
import static com.couchbase.client.java.kv.UpsertOptions.upsertOptions;
import static com.couchbase.client.java.query.QueryOptions.queryOptions;

import com.couchbase.client.core.diagnostics.PingState;
import com.couchbase.client.core.error.*;
import com.couchbase.client.core.error.subdoc.PathNotFoundException;
import com.couchbase.client.core.msg.kv.DurabilityLevel;
import com.couchbase.client.core.service.ServiceType;
import com.couchbase.client.java.*;
import com.couchbase.client.java.Collection;
import com.couchbase.client.java.codec.RawBinaryTranscoder;
import com.couchbase.client.java.diagnostics.PingOptions;
import com.couchbase.client.java.json.*;
import com.couchbase.client.java.kv.*;
import com.couchbase.client.java.manager.bucket.*;
import com.couchbase.client.java.manager.collection.*;
import com.couchbase.client.java.manager.query.*;
import com.couchbase.client.java.manager.user.*;
import com.couchbase.client.java.search.SearchQuery;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.*;

/** Drives a document server with the Java SDK 3: a line a step, exit status 1 if any fails. */
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

  public static void main(String[] arguments) {
    String address = System.getenv("CB_CONNECTION");
    ClusterOptions options =
        ClusterOptions.clusterOptions(System.getenv("CB_USERNAME"), System.getenv("CB_PASSWORD"))
            .environment(environment -> {
              environment.timeoutConfig(timeout -> timeout.kvTimeout(Duration.ofSeconds(5)));
              if (address.startsWith("couchbases:")) {
                environment.securityConfig(security ->
                    security.enableTls(true).enableHostnameVerification(false).trustManagerFactory(
                        com.couchbase.client.core.deps.io.netty.handler.ssl.util
                            .InsecureTrustManagerFactory.INSTANCE));
              }
            });
    Cluster cluster = Cluster.connect(address, options);
    Bucket bucket = cluster.bucket("default");
    step("ready", () -> cluster.waitUntilReady(Duration.ofSeconds(20)));
    step("bucket ready", () -> bucket.waitUntilReady(Duration.ofSeconds(20)));
    Collection documents = bucket.defaultCollection();
    keyValue(documents);
    subDocument(documents);
    scans(documents);
    management(cluster, bucket);
    diagnostics(cluster, bucket);
    queries(cluster, documents);
    step("close", cluster::disconnect);
    if (!failed) System.out.println("done");
    System.exit(failed ? 1 : 0);
  }

  static void keyValue(Collection documents) {
    step("upsert and get", () -> {
      JsonObject value = JsonObject.create().put("title", "Kindred").put("year", 1979);
      MutationResult stored =
          documents.upsert("java-1", value, upsertOptions().expiry(Duration.ofHours(1)));
      GetResult found = documents.get("java-1", getOptions().withExpiry(true));
      equal(found.contentAsObject(), value);
      equal(found.cas(), stored.cas());
      long left = found.expiryTime().get().getEpochSecond() - Instant.now().getEpochSecond();
      equal(Math.abs(left - 3600) < 10, true);
    });
    step("insert, replace, cas, remove", () -> {
      MutationResult first = documents.insert("java-2", 1);
      fails(DocumentExistsException.class, () -> documents.insert("java-2", 2));
      documents.replace("java-2", 2, ReplaceOptions.replaceOptions().cas(first.cas()));
      fails(CasMismatchException.class, () ->
          documents.replace("java-2", 3, ReplaceOptions.replaceOptions().cas(first.cas())));
      documents.remove("java-2");
      fails(DocumentNotFoundException.class, () -> documents.get("java-2"));
    });
    step("exists, touch, get and touch", () -> {
      equal(documents.exists("java-1").exists(), true);
      equal(documents.exists("java-none").exists(), false);
      documents.touch("java-1", Duration.ofMinutes(1));
      documents.getAndTouch("java-1", Duration.ofMinutes(1));
    });
    step("counters", () -> {
      BinaryCollection binary = documents.binary();
      if (documents.exists("java-n").exists()) documents.remove("java-n");
      IncrementOptions by = IncrementOptions.incrementOptions().delta(5).initial(10);
      equal(binary.increment("java-n", by).content(), 10L);
      equal(binary.increment("java-n", by).content(), 15L);
      equal(binary.decrement("java-n", DecrementOptions.decrementOptions().delta(50)).content(), 0L);
    });
    step("append and prepend", () -> {
      documents.upsert("java-b", "mid".getBytes(StandardCharsets.UTF_8),
          upsertOptions().transcoder(RawBinaryTranscoder.INSTANCE));
      documents.binary().append("java-b", "end".getBytes(StandardCharsets.UTF_8));
      documents.binary().prepend("java-b", "start".getBytes(StandardCharsets.UTF_8));
      byte[] found = documents.get("java-b", getOptions().transcoder(RawBinaryTranscoder.INSTANCE))
          .contentAsBytes();
      equal(new String(found, StandardCharsets.UTF_8), "startmidend");
    });
    step("large compressible value", () -> {
      String want = "a long line that compresses well ".repeat(100_000);
      documents.upsert("java-large", want);
      equal(documents.get("java-large").contentAs(String.class), want);
    });
    step("lock and unlock", () -> {
      GetResult held = documents.getAndLock("java-1", Duration.ofSeconds(10));
      fails(TimeoutException.class, () ->
          documents.upsert("java-1", 1, upsertOptions().timeout(Duration.ofMillis(300))));
      documents.unlock("java-1", held.cas());
      documents.upsert("java-1", 1);
    });
    step("durability", () -> {
      for (DurabilityLevel level : DurabilityLevel.values()) {
        documents.upsert("java-d", 1, upsertOptions().durability(level));
      }
      documents.upsert("java-d", 1, upsertOptions().durability(PersistTo.ACTIVE, ReplicateTo.NONE));
    });
    step("replicas", () -> equal(documents.getAnyReplica("java-1").isReplica(), false));
  }

  static void subDocument(Collection documents) {
    step("sub-document", () -> {
      documents.upsert("java-s", JsonObject.create().put("a", List.of(1, 2)).put("n", 1));
      documents.mutateIn("java-s", List.of(
          MutateInSpec.upsert("meta.by", "java").xattr().createPath(),
          arrayAppend("a", List.of(3)),
          increment("n", 41),
          MutateInSpec.upsert("x.y", true).createPath()));
      LookupInResult found = documents.lookupIn("java-s", List.of(
          get("meta.by").xattr(), get("n"), count("a"), exists("x.z"), get("nowhere")));
      equal(found.contentAs(0, String.class), "java");
      equal(found.contentAs(1, Integer.class), 42);
      equal(found.contentAs(2, Integer.class), 3);
      equal(found.exists(3), false);
      fails(PathNotFoundException.class, () -> found.contentAs(4, Integer.class));
    });
    step("sub-document store semantics", () -> {
      documents.mutateIn("java-new", List.of(MutateInSpec.upsert("a", 1)),
          MutateInOptions.mutateInOptions().storeSemantics(StoreSemantics.UPSERT));
      fails(DocumentExistsException.class, () ->
          documents.mutateIn("java-new", List.of(MutateInSpec.upsert("a", 1)),
              MutateInOptions.mutateInOptions().storeSemantics(StoreSemantics.INSERT)));
    });
  }

  static void scans(Collection documents) {
    step("range and sampling scan", () -> {
      for (int n = 0; n < 50; n++) documents.upsert("java-scan-" + n, n);
      equal(documents.scan(ScanType.prefixScan("java-scan-"))
          .mapToInt(one -> one.contentAs(Integer.class)).sum(), 1225);
      equal(documents.scan(ScanType.samplingScan(10), ScanOptions.scanOptions().idsOnly(true))
          .count(), 10L);
    });
  }

  static void management(Cluster cluster, Bucket bucket) {
    step("scopes and collections", () -> {
      CollectionManager collections = bucket.collections();
      collections.createScope("java");
      fails(ScopeExistsException.class, () -> collections.createScope("java"));
      collections.createCollection("java", "things",
          CreateCollectionSettings.createCollectionSettings().maxExpiry(Duration.ofHours(1)));
      bucket.scope("java").collection("things").upsert("k", 1);
      CollectionSpec made = collections.getAllScopes().stream()
          .filter(scope -> scope.name().equals("java")).findFirst().get()
          .collections().iterator().next();
      equal(made.maxExpiry(), Duration.ofHours(1));
      collections.dropCollection("java", "things");
      collections.dropScope("java");
      fails(ScopeNotFoundException.class, () -> collections.dropScope("java"));
    });
    step("buckets", () -> {
      BucketManager buckets = cluster.buckets();
      BucketSettings settings = BucketSettings.create("java-made").ramQuotaMB(100)
          .bucketType(BucketType.EPHEMERAL).flushEnabled(true);
      buckets.createBucket(settings);
      fails(BucketExistsException.class, () -> buckets.createBucket(settings));
      equal(buckets.getBucket("java-made").bucketType(), BucketType.EPHEMERAL);
      buckets.flushBucket("java-made");
      buckets.dropBucket("java-made");
      fails(BucketNotFoundException.class, () -> buckets.dropBucket("java-made"));
    });
    step("users", () -> {
      UserManager users = cluster.users();
      users.upsertUser(new User("java-user").password("secret-word")
          .roles(new Role("data_reader", "default")));
      equal(users.getUser(AuthDomain.LOCAL, "java-user").user().roles().iterator().next().name(),
          "data_reader");
      users.dropUser("java-user");
      fails(UserNotFoundException.class, () -> users.getUser(AuthDomain.LOCAL, "java-user"));
    });
    step("services that are not there", () -> {
      fails(ServiceNotAvailableException.class, () -> cluster.analyticsQuery("SELECT 1"));
      fails(ServiceNotAvailableException.class,
          () -> cluster.searchQuery("none", SearchQuery.matchAll()));
    });
  }

  static void diagnostics(Cluster cluster, Bucket bucket) {
    step("ping and diagnostics", () -> {
      var report = bucket.ping(PingOptions.pingOptions()
          .serviceTypes(Set.of(ServiceType.KV, ServiceType.QUERY)));
      for (ServiceType type : List.of(ServiceType.KV, ServiceType.QUERY)) {
        equal(report.endpoints().get(type).get(0).state(), PingState.OK);
      }
      cluster.diagnostics();
    });
  }

  static void queries(Cluster cluster, Collection documents) {
    step("query", () -> {
      documents.upsert("java-q", JsonObject.create().put("kind", "java").put("n", 7));
      for (boolean adhoc : new boolean[] {true, false}) {
        var result = cluster.query("SELECT d.n FROM `default` d USE KEYS $1 WHERE d.kind = $2",
            queryOptions().adhoc(adhoc).parameters(JsonArray.from("java-q", "java")));
        equal(result.rowsAsObject().get(0).getInt("n"), 7);
      }
      fails(ParsingFailureException.class, () -> cluster.query("SELEC nothing"));
    });
    step("query options", () -> {
      var result = cluster.query("SELECT RAW d.n FROM `default` d USE KEYS $k", queryOptions()
          .parameters(JsonObject.create().put("k", "java-q")).metrics(true).readonly(true)
          .profile(com.couchbase.client.java.query.QueryProfile.TIMINGS).clientContextId("mine")
          .scanConsistency(com.couchbase.client.java.query.QueryScanConsistency.REQUEST_PLUS));
      equal(result.rowsAs(Integer.class), List.of(7));
      equal(result.metaData().metrics().get().resultCount(), 1L);
      equal(result.metaData().clientContextId(), "mine");
      equal(result.metaData().profile().get().containsKey("executionTimings"), true);
      fails(TimeoutException.class, () -> cluster.query(
          "SELECT RAW COUNT(*) FROM ARRAY_RANGE(0, 9999) a JOIN ARRAY_RANGE(0, 9999) b ON a < b",
          queryOptions().timeout(Duration.ofMillis(300)).readonly(true)));
      fails(CouchbaseException.class, () -> cluster.query(
          "DELETE FROM `default` USE KEYS 'java-q'", queryOptions().readonly(true)));
      equal(documents.exists("java-q").exists(), true);
      equal(cluster.query("SELECT RAW r FROM ARRAY_RANGE(0, 50000) r").rowsAs(Integer.class)
          .size(), 50000);
    });
    step("transactions", () -> {
      documents.upsert("java-t", JsonObject.create().put("n", 1));
      cluster.transactions().run(attempt -> {
        var found = attempt.get(documents, "java-t");
        attempt.replace(found, JsonObject.create().put("n", found.contentAsObject().getInt("n") + 1));
        attempt.insert(documents, "java-u", JsonObject.create().put("n", 10));
        var rows = attempt.query("UPDATE `default` d USE KEYS ['java-t', 'java-u']"
            + " SET d.n = d.n + 5 RETURNING RAW d.n").rowsAs(Integer.class);
        equal(new TreeSet<>(rows), new TreeSet<>(List.of(7, 15)));
        equal(number(documents, "java-t"), 1);
      });
      equal(List.of(number(documents, "java-t"), number(documents, "java-u")), List.of(7, 15));
      documents.remove("java-u");
      fails(com.couchbase.client.java.transactions.error.TransactionFailedException.class,
          () -> cluster.transactions().run(attempt -> {
            attempt.remove(attempt.get(documents, "java-t"));
            throw new IllegalStateException("changed its mind");
          }));
      equal(number(documents, "java-t"), 7);
    });
    step("transactions by statements", () -> {
      for (var end : Map.of("ROLLBACK WORK", 7, "COMMIT WORK", 70).entrySet()) {
        documents.upsert("java-t", JsonObject.create().put("n", 7));
        String id = cluster.query("BEGIN WORK").rowsAsObject().get(0).getString("txid");
        cluster.query("UPDATE `default` d USE KEYS 'java-t' SET d.n = 70",
            queryOptions().raw("txid", id));
        equal(number(documents, "java-t"), 7);
        cluster.query(end.getKey(), queryOptions().raw("txid", id));
        equal(number(documents, "java-t"), end.getValue());
      }
    });
    step("query indexes", () -> {
      QueryIndexManager indexes = cluster.queryIndexes();
      indexes.createPrimaryIndex("default", CreatePrimaryQueryIndexOptions
          .createPrimaryQueryIndexOptions().ignoreIfExists(true));
      indexes.createIndex("default", "java_kind", List.of("kind"));
      fails(IndexExistsException.class,
          () -> indexes.createIndex("default", "java_kind", List.of("kind")));
      indexes.watchIndexes("default", List.of("java_kind"), Duration.ofSeconds(5));
      indexes.dropIndex("default", "java_kind");
    });
  }

  static int number(Collection documents, String id) {
    return documents.get(id).contentAsObject().getInt("n");
  }
}
