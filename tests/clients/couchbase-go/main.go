// Drives a document server with Couchbase's Go SDK: one line a step, exit status 1 if any fails.
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/couchbase/gocb/v2"
)

var failed bool

func step(name string, work func() error) {
	if err := work(); err != nil {
		failed = true
		fmt.Printf("fail %s: %v\n", name, err)
		return
	}
	fmt.Printf("ok %s\n", name)
}

func wants(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return fmt.Errorf("expected %v, got %v", target, err)
}

func equal(got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

func all(errs ...error) error { return errors.Join(errs...) }

func main() {
	options := gocb.ClusterOptions{
		Authenticator: gocb.PasswordAuthenticator{
			Username: os.Getenv("CB_USERNAME"), Password: os.Getenv("CB_PASSWORD"),
		},
	}
	address := os.Getenv("CB_CONNECTION")
	if strings.HasPrefix(address, "couchbases:") {
		options.SecurityConfig.TLSSkipVerify = true
	}
	cluster, err := gocb.Connect(address, options)
	if err != nil {
		fmt.Printf("fail connect: %v\n", err)
		os.Exit(1)
	}
	step("ready", func() error { return cluster.WaitUntilReady(10*time.Second, nil) })
	bucket := cluster.Bucket("default")
	step("bucket ready", func() error { return bucket.WaitUntilReady(10*time.Second, nil) })
	documents := bucket.DefaultCollection()
	keyValue(documents)
	subDocument(documents)
	durability(documents)
	scans(documents)
	management(cluster)
	diagnostics(cluster, bucket)
	queries(cluster, documents)
	step("close", func() error { return cluster.Close(nil) })
	if failed {
		os.Exit(1)
	}
	fmt.Println("done")
}

func keyValue(documents *gocb.Collection) {
	type book struct {
		Title string `json:"title"`
		Year  int    `json:"year"`
	}
	step("upsert and get", func() error {
		want := book{"Kindred", 1979}
		stored, err := documents.Upsert("go-1", want, &gocb.UpsertOptions{Expiry: time.Hour})
		if err != nil {
			return err
		}
		found, err := documents.Get("go-1", &gocb.GetOptions{WithExpiry: true})
		if err != nil {
			return err
		}
		var got book
		if err := found.Content(&got); err != nil {
			return err
		}
		left := time.Until(found.ExpiryTime())
		if left < 50*time.Minute || left > 61*time.Minute {
			return fmt.Errorf("expires in %v", left)
		}
		return all(equal(got, want), equal(found.Cas(), stored.Cas()))
	})
	step("insert, replace, cas, remove", func() error {
		first, err := documents.Insert("go-2", 1, nil)
		if err != nil {
			return err
		}
		_, exists := documents.Insert("go-2", 2, nil)
		_, err = documents.Replace("go-2", 2, &gocb.ReplaceOptions{Cas: first.Cas()})
		_, stale := documents.Replace("go-2", 3, &gocb.ReplaceOptions{Cas: first.Cas()})
		_, removed := documents.Remove("go-2", nil)
		_, gone := documents.Get("go-2", nil)
		return all(err, removed, wants(exists, gocb.ErrDocumentExists),
			wants(stale, gocb.ErrCasMismatch), wants(gone, gocb.ErrDocumentNotFound))
	})
	step("exists, touch, get and touch", func() error {
		found, err := documents.Exists("go-1", nil)
		if err != nil {
			return err
		}
		_, touched := documents.Touch("go-1", time.Minute, nil)
		_, both := documents.GetAndTouch("go-1", time.Minute, nil)
		return all(equal(found.Exists(), true), touched, both)
	})
	step("counters", func() error {
		binary := documents.Binary()
		_, _ = documents.Remove("go-n", nil)
		up, err := binary.Increment("go-n", &gocb.IncrementOptions{Initial: 10, Delta: 5})
		if err != nil {
			return err
		}
		again, err := binary.Increment("go-n", &gocb.IncrementOptions{Initial: 10, Delta: 5})
		if err != nil {
			return err
		}
		down, err := binary.Decrement("go-n", &gocb.DecrementOptions{Delta: 50})
		if err != nil {
			return err
		}
		return all(equal(up.Content(), uint64(10)), equal(again.Content(), uint64(15)),
			equal(down.Content(), uint64(0)))
	})
	step("append and prepend", func() error {
		raw := gocb.NewRawBinaryTranscoder()
		_, err := documents.Upsert("go-b", []byte("mid"), &gocb.UpsertOptions{Transcoder: raw})
		if err != nil {
			return err
		}
		binary := documents.Binary()
		_, appended := binary.Append("go-b", []byte("end"), nil)
		_, prepended := binary.Prepend("go-b", []byte("start"), nil)
		found, err := documents.Get("go-b", &gocb.GetOptions{Transcoder: raw})
		if err != nil {
			return err
		}
		var got []byte
		return all(appended, prepended, found.Content(&got), equal(string(got), "startmidend"))
	})
	step("large compressible value", func() error {
		want := strings.Repeat("a long line that compresses well ", 100_000)
		if _, err := documents.Upsert("go-large", want, nil); err != nil {
			return err
		}
		found, err := documents.Get("go-large", nil)
		if err != nil {
			return err
		}
		var got string
		return all(found.Content(&got), equal(len(got), len(want)), equal(got == want, true))
	})
	step("lock and unlock", func() error {
		held, err := documents.GetAndLock("go-1", 10*time.Second, nil)
		if err != nil {
			return err
		}
		_, locked := documents.Upsert("go-1", 1, &gocb.UpsertOptions{
			Timeout: 300 * time.Millisecond, RetryStrategy: gocb.NewBestEffortRetryStrategy(nil)})
		err = documents.Unlock("go-1", held.Cas(), nil)
		_, free := documents.Upsert("go-1", 1, nil)
		return all(wants(locked, gocb.ErrTimeout), err, free)
	})
	step("replicas", func() error {
		found, err := documents.GetAnyReplica("go-1", nil)
		if err != nil {
			return err
		}
		return equal(found.IsReplica(), false)
	})
}

func subDocument(documents *gocb.Collection) {
	step("sub-document", func() error {
		if _, err := documents.Upsert("go-s", map[string]any{"a": []int{1, 2}, "n": 1}, nil); err != nil {
			return err
		}
		_, err := documents.MutateIn("go-s", []gocb.MutateInSpec{
			gocb.UpsertSpec("meta.by", "go", &gocb.UpsertSpecOptions{IsXattr: true, CreatePath: true}),
			gocb.ArrayAppendSpec("a", 3, nil),
			gocb.IncrementSpec("n", 41, nil),
			gocb.UpsertSpec("x.y", true, &gocb.UpsertSpecOptions{CreatePath: true}),
		}, nil)
		if err != nil {
			return err
		}
		found, err := documents.LookupIn("go-s", []gocb.LookupInSpec{
			gocb.GetSpec("meta.by", &gocb.GetSpecOptions{IsXattr: true}),
			gocb.GetSpec("n", nil),
			gocb.CountSpec("a", nil),
			gocb.ExistsSpec("x.z", nil),
			gocb.GetSpec("nowhere", nil),
		}, nil)
		if err != nil {
			return err
		}
		var by string
		var n, count int
		var exists bool
		return all(found.ContentAt(0, &by), found.ContentAt(1, &n), found.ContentAt(2, &count),
			found.ContentAt(3, &exists), equal(by, "go"), equal(n, 42), equal(count, 3),
			equal(exists, false), wants(found.ContentAt(4, &n), gocb.ErrPathNotFound))
	})
	step("sub-document store semantics", func() error {
		_, err := documents.MutateIn("go-new", []gocb.MutateInSpec{gocb.UpsertSpec("a", 1, nil)},
			&gocb.MutateInOptions{StoreSemantic: gocb.StoreSemanticsUpsert})
		_, exists := documents.MutateIn("go-new", []gocb.MutateInSpec{gocb.UpsertSpec("a", 1, nil)},
			&gocb.MutateInOptions{StoreSemantic: gocb.StoreSemanticsInsert})
		_, missing := documents.MutateIn("go-none", []gocb.MutateInSpec{gocb.UpsertSpec("a", 1, nil)}, nil)
		return all(err, wants(exists, gocb.ErrDocumentExists), wants(missing, gocb.ErrDocumentNotFound))
	})
}

func durability(documents *gocb.Collection) {
	for name, level := range map[string]gocb.DurabilityLevel{
		"majority":   gocb.DurabilityLevelMajority,
		"active":     gocb.DurabilityLevelMajorityAndPersistOnMaster,
		"persist to": gocb.DurabilityLevelPersistToMajority,
	} {
		step("durability "+name, func() error {
			_, err := documents.Upsert("go-d", 1, &gocb.UpsertOptions{DurabilityLevel: level})
			return err
		})
	}
	step("legacy durability", func() error {
		_, err := documents.Upsert("go-d", 2, &gocb.UpsertOptions{PersistTo: 1})
		return err
	})
}

func scans(documents *gocb.Collection) {
	step("range and sampling scan", func() error {
		for n := range 50 {
			if _, err := documents.Upsert(fmt.Sprintf("go-scan-%02d", n), n, nil); err != nil {
				return err
			}
		}
		result, err := documents.Scan(gocb.NewRangeScanForPrefix("go-scan-"), nil)
		if err != nil {
			return err
		}
		count, sum := 0, 0
		for item := result.Next(); item != nil; item = result.Next() {
			var n int
			if err := item.Content(&n); err != nil {
				return err
			}
			count, sum = count+1, sum+n
		}
		sampled, err := documents.Scan(gocb.SamplingScan{Limit: 10}, &gocb.ScanOptions{IDsOnly: true})
		if err != nil {
			return err
		}
		drawn := 0
		for item := sampled.Next(); item != nil; item = sampled.Next() {
			drawn++
		}
		return all(result.Err(), sampled.Err(), equal(count, 50), equal(sum, 1225), equal(drawn, 10))
	})
}

func management(cluster *gocb.Cluster) {
	bucket := cluster.Bucket("default")
	collections := bucket.CollectionsV2()
	step("scopes and collections", func() error {
		err := all(collections.CreateScope("go", nil), collections.CreateCollection("go", "things",
			&gocb.CreateCollectionSettings{MaxExpiry: time.Hour}, nil))
		exists := collections.CreateScope("go", nil)
		things := bucket.Scope("go").Collection("things")
		_, stored := things.Upsert("k", 1, nil)
		scopes, listed := collections.GetAllScopes(nil)
		var ttl time.Duration
		for _, scope := range scopes {
			if scope.Name == "go" {
				ttl = scope.Collections[0].MaxExpiry
			}
		}
		return all(err, wants(exists, gocb.ErrScopeExists), stored, listed, equal(ttl, time.Hour),
			collections.DropCollection("go", "things", nil), collections.DropScope("go", nil),
			wants(collections.DropScope("go", nil), gocb.ErrScopeNotFound))
	})
	step("buckets", func() error {
		buckets := cluster.Buckets()
		settings := gocb.CreateBucketSettings{BucketSettings: gocb.BucketSettings{
			Name: "go-made", RAMQuotaMB: 100, BucketType: gocb.EphemeralBucketType, FlushEnabled: true}}
		err := buckets.CreateBucket(settings, nil)
		exists := buckets.CreateBucket(settings, nil)
		got, found := buckets.GetBucket("go-made", nil)
		if found != nil {
			return found
		}
		return all(err, wants(exists, gocb.ErrBucketExists),
			equal(got.BucketType, gocb.EphemeralBucketType), buckets.FlushBucket("go-made", nil),
			buckets.DropBucket("go-made", nil),
			wants(buckets.DropBucket("go-made", nil), gocb.ErrBucketNotFound))
	})
	step("users", func() error {
		users := cluster.Users()
		user := gocb.User{Username: "go-user", Password: "secret-word", DisplayName: "G",
			Roles: []gocb.Role{{Name: "data_reader", Bucket: "default"}}}
		err := users.UpsertUser(user, nil)
		got, found := users.GetUser("go-user", nil)
		if found != nil {
			return found
		}
		_, gone := users.GetUser("nobody", nil)
		group := users.UpsertGroup(gocb.Group{Name: "go-group", Roles: []gocb.Role{{Name: "ro_admin"}}}, nil)
		return all(err, equal(got.Roles[0].Name, "data_reader"), wants(gone, gocb.ErrUserNotFound),
			group, users.DropGroup("go-group", nil), users.DropUser("go-user", nil))
	})
	step("services that are not there", func() error {
		_, search := cluster.SearchQuery("none", nil, &gocb.SearchOptions{Timeout: 2 * time.Second})
		_, analytics := cluster.AnalyticsQuery("SELECT 1", &gocb.AnalyticsOptions{Timeout: 2 * time.Second})
		if search == nil || analytics == nil {
			return errors.New("an absent service answered")
		}
		return wants(analytics, gocb.ErrServiceNotAvailable)
	})
}

func diagnostics(cluster *gocb.Cluster, bucket *gocb.Bucket) {
	step("ping and diagnostics", func() error {
		report, err := bucket.Ping(&gocb.PingOptions{
			ServiceTypes: []gocb.ServiceType{gocb.ServiceTypeKeyValue, gocb.ServiceTypeQuery}})
		if err != nil {
			return err
		}
		for _, service := range []gocb.ServiceType{gocb.ServiceTypeKeyValue, gocb.ServiceTypeQuery} {
			if len(report.Services[service]) == 0 || report.Services[service][0].State != gocb.PingStateOk {
				return fmt.Errorf("%v: %v", service, report.Services[service])
			}
		}
		_, err = cluster.Diagnostics(nil)
		return err
	})
}

func queries(cluster *gocb.Cluster, documents *gocb.Collection) {
	step("query", func() error {
		if _, err := documents.Upsert("go-q", map[string]any{"kind": "go", "n": 7}, nil); err != nil {
			return err
		}
		for _, adhoc := range []bool{true, false} {
			result, err := cluster.Query("SELECT d.n FROM `default` d USE KEYS $key WHERE d.kind = $kind",
				&gocb.QueryOptions{Adhoc: adhoc, ScanConsistency: gocb.QueryScanConsistencyRequestPlus,
					NamedParameters: map[string]any{"key": "go-q", "kind": "go"}})
			if err != nil {
				return err
			}
			var row struct{ N int }
			if err := all(result.One(&row), equal(row.N, 7)); err != nil {
				return err
			}
		}
		_, err := cluster.Query("SELEC nothing", nil)
		return wants(err, gocb.ErrParsingFailure)
	})
	step("query options", func() error {
		result, err := cluster.Query("SELECT RAW d.n FROM `default` d USE KEYS $1",
			&gocb.QueryOptions{PositionalParameters: []any{"go-q"}, Metrics: true, Readonly: true,
				Profile: gocb.QueryProfileModeTimings, ClientContextID: "mine"})
		if err != nil {
			return err
		}
		var rows int
		for result.Next() {
			rows++
		}
		meta, err := result.MetaData()
		if err != nil {
			return err
		}
		profile, _ := meta.Profile.(map[string]any)
		_, timed := profile["executionTimings"]
		unfinished, late := cluster.Query(
			"SELECT RAW COUNT(*) FROM ARRAY_RANGE(0, 9999) a JOIN ARRAY_RANGE(0, 9999) b ON a < b",
			&gocb.QueryOptions{Timeout: 300 * time.Millisecond})
		if late == nil { // the head of the answer came in time
			for unfinished.Next() {
			}
			late = unfinished.Err()
		}
		_, written := cluster.Query("DELETE FROM `default` USE KEYS 'go-q'", &gocb.QueryOptions{Readonly: true})
		return all(equal(rows, 1), equal(int(meta.Metrics.ResultCount), 1), equal(meta.ClientContextID, "mine"),
			equal(timed, true), wants(late, gocb.ErrTimeout), equal(written != nil, true))
	})
	step("transactions", func() error {
		if _, err := documents.Upsert("go-t", map[string]any{"n": 1}, nil); err != nil {
			return err
		}
		_, err := cluster.Transactions().Run(func(attempt *gocb.TransactionAttemptContext) error {
			found, err := attempt.Get(documents, "go-t")
			if err != nil {
				return err
			}
			_, replaced := attempt.Replace(found, map[string]any{"n": 2})
			_, inserted := attempt.Insert(documents, "go-u", map[string]any{"n": 10})
			if err := all(replaced, inserted); err != nil {
				return err
			}
			rows, err := attempt.Query("UPDATE `default` d USE KEYS ['go-t', 'go-u']"+
				" SET d.n = d.n + 5 RETURNING RAW d.n", nil)
			if err != nil {
				return err
			}
			sum := 0
			for rows.Next() {
				var n int
				if err := rows.Row(&n); err != nil {
					return err
				}
				sum += n
			}
			return all(equal(sum, 22), equal(number(documents, "go-t"), 1))
		}, nil)
		_, failure := cluster.Transactions().Run(func(attempt *gocb.TransactionAttemptContext) error {
			found, err := attempt.Get(documents, "go-t")
			return all(err, attempt.Remove(found), errors.New("changed its mind"))
		}, nil)
		var told *gocb.TransactionFailedError
		kept := equal(number(documents, "go-u"), 15)
		_, removed := documents.Remove("go-u", nil)
		return all(err, equal(errors.As(failure, &told), true),
			equal(number(documents, "go-t"), 7), kept, removed)
	})
	step("transactions by statements", func() error {
		ends := []struct {
			statement string
			wanted    int
		}{{"ROLLBACK WORK", 7}, {"COMMIT WORK", 70}}
		for _, end := range ends {
			begun, err := cluster.Query("BEGIN WORK", nil)
			if err != nil {
				return err
			}
			var row struct {
				ID string `json:"txid"`
			}
			if err := begun.One(&row); err != nil {
				return err
			}
			part := &gocb.QueryOptions{Raw: map[string]any{"txid": row.ID}}
			for _, statement := range []string{"UPDATE `default` d USE KEYS 'go-t' SET d.n = 70", end.statement} {
				if err := equal(number(documents, "go-t"), 7); err != nil {
					return err
				}
				result, err := cluster.Query(statement, part)
				if err != nil {
					return err
				}
				if err := result.Close(); err != nil {
					return err
				}
			}
			if err := equal(number(documents, "go-t"), end.wanted); err != nil {
				return err
			}
		}
		return nil
	})
	step("query indexes", func() error {
		indexes := cluster.QueryIndexes()
		return all(indexes.CreatePrimaryIndex("default", &gocb.CreatePrimaryQueryIndexOptions{IgnoreIfExists: true}),
			indexes.CreateIndex("default", "go_kind", []string{"kind"}, nil),
			wants(indexes.CreateIndex("default", "go_kind", []string{"kind"}, nil), gocb.ErrIndexExists),
			indexes.WatchIndexes("default", []string{"go_kind"}, 5*time.Second, nil),
			indexes.DropIndex("default", "go_kind", nil))
	})
}

func number(documents *gocb.Collection, id string) int {
	var content struct{ N int }
	if result, err := documents.Get(id, nil); err != nil || result.Content(&content) != nil {
		return -1
	}
	return content.N
}
