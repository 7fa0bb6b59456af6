// Drives a document server with Couchbase's Node SDK: one line a step, exit status 1 if any fails.
import assert from 'node:assert/strict'
import couchbase from 'couchbase'

let failed = false

async function step(name, work) {
  try {
    await work()
    console.log(`ok ${name}`)
  } catch (error) {
    failed = true
    console.log(`fail ${name}: ${error.name}: ${error.message}`)
  }
}

const address = process.env.CB_CONNECTION
const secure = address.startsWith('couchbases:') ? '?tls_verify=none' : ''
const cluster = await couchbase.connect(address + secure, {
  username: process.env.CB_USERNAME,
  password: process.env.CB_PASSWORD,
  timeouts: { kvTimeout: 5000, managementTimeout: 10000 },
})
const bucket = cluster.bucket('default')
const documents = bucket.defaultCollection()
const { MutateInSpec, LookupInSpec } = couchbase

await step('upsert and get', async () => {
  const value = { title: 'Kindred', tags: ['a', null, 1.5, 'café ☕'] }
  const stored = await documents.upsert('node-1', value, { expiry: 3600 })
  const found = await documents.get('node-1', { withExpiry: true })
  assert.deepEqual(found.content, value)
  assert.equal(found.cas.toString(), stored.cas.toString())
  assert.ok(Math.abs(found.expiryTime - Date.now() / 1000 - 3600) < 10)
})
await step('project', async () => {
  const found = await documents.get('node-1', { project: ['title'] })
  assert.deepEqual(found.content, { title: 'Kindred' })
})
await step('insert, replace, cas, remove', async () => {
  const first = await documents.insert('node-2', 1)
  await assert.rejects(documents.insert('node-2', 2), couchbase.DocumentExistsError)
  await documents.replace('node-2', 2, { cas: first.cas })
  await assert.rejects(documents.replace('node-2', 3, { cas: first.cas }), couchbase.CasMismatchError)
  await documents.remove('node-2')
  await assert.rejects(documents.get('node-2'), couchbase.DocumentNotFoundError)
})
await step('exists, touch, get and touch', async () => {
  assert.equal((await documents.exists('node-1')).exists, true)
  assert.equal((await documents.exists('node-none')).exists, false)
  await documents.touch('node-1', 60)
  await documents.getAndTouch('node-1', 60)
})
await step('counters', async () => {
  const binary = documents.binary()
  await documents.remove('node-n').catch(() => {})
  assert.equal((await binary.increment('node-n', 5, { initial: 10 })).value, 10)
  assert.equal((await binary.increment('node-n', 5)).value, 15)
  assert.equal((await binary.decrement('node-n', 50)).value, 0)
})
await step('append and prepend', async () => {
  await documents.upsert('node-b', Buffer.from('mid'))
  await documents.binary().append('node-b', Buffer.from('end'))
  await documents.binary().prepend('node-b', Buffer.from('start'))
  assert.equal((await documents.get('node-b')).content.toString(), 'startmidend')
})
await step('large compressible value', async () => {
  const want = 'a long line that compresses well '.repeat(100_000)
  await documents.upsert('node-large', want)
  assert.equal((await documents.get('node-large')).content, want)
})
await step('lock and unlock', async () => {
  const held = await documents.getAndLock('node-1', 10)
  await assert.rejects(documents.upsert('node-1', 1, { timeout: 300 }))
  await documents.unlock('node-1', held.cas)
  await documents.upsert('node-1', 1)
})
await step('sub-document', async () => {
  await documents.upsert('node-s', { a: [1, 2], n: 1 })
  await documents.mutateIn('node-s', [
    MutateInSpec.upsert('meta.by', 'node', { xattr: true, createPath: true }),
    MutateInSpec.arrayAppend('a', 3),
    MutateInSpec.increment('n', 41),
    MutateInSpec.upsert('x.y', true, { createPath: true }),
  ])
  const found = await documents.lookupIn('node-s', [
    LookupInSpec.get('meta.by', { xattr: true }),
    LookupInSpec.get('n'),
    LookupInSpec.count('a'),
    LookupInSpec.exists('x.z'),
    LookupInSpec.get('nowhere'),
  ])
  assert.deepEqual(found.content.slice(0, 4).map((one) => one.value), ['node', 42, 3, false])
  assert.ok(found.content[4].error instanceof couchbase.PathNotFoundError)
})
await step('durability', async () => {
  for (const level of ['Majority', 'MajorityAndPersistOnMaster', 'PersistToMajority']) {
    await documents.upsert('node-d', 1, { durabilityLevel: couchbase.DurabilityLevel[level] })
  }
})
await step('range and sampling scan', async () => {
  for (let n = 0; n < 50; n++) await documents.upsert(`node-scan-${n}`, n)
  const found = await documents.scan(new couchbase.PrefixScan('node-scan-'))
  assert.equal(found.length, 50)
  assert.equal(found.reduce((sum, one) => sum + one.content, 0), 1225)
  const drawn = await documents.scan(new couchbase.SamplingScan(10), { idsOnly: true })
  assert.equal(drawn.length, 10)
})
await step('scopes and collections', async () => {
  const collections = bucket.collections()
  await collections.createScope('node')
  await assert.rejects(collections.createScope('node'), couchbase.ScopeExistsError)
  await collections.createCollection('things', 'node', { maxExpiry: 3600 })
  await bucket.scope('node').collection('things').upsert('k', 1)
  const scope = (await collections.getAllScopes()).find((one) => one.name === 'node')
  assert.equal(scope.collections[0].maxExpiry, 3600)
  await collections.updateCollection('things', 'node', { maxExpiry: 60 })
  await collections.dropCollection('things', 'node')
  await collections.dropScope('node')
  await assert.rejects(collections.dropScope('node'), couchbase.ScopeNotFoundError)
})
await step('buckets', async () => {
  const buckets = cluster.buckets()
  const settings = { name: 'node-made', ramQuotaMB: 100, bucketType: 'ephemeral', flushEnabled: true }
  await buckets.createBucket(settings)
  await assert.rejects(buckets.createBucket(settings), couchbase.BucketExistsError)
  assert.equal((await buckets.getBucket('node-made')).bucketType, 'ephemeral')
  await buckets.flushBucket('node-made')
  await buckets.dropBucket('node-made')
  await assert.rejects(buckets.dropBucket('node-made'), couchbase.BucketNotFoundError)
})
await step('users', async () => {
  const users = cluster.users()
  await users.upsertUser({
    username: 'node-user', password: 'secret-word', roles: [{ name: 'data_reader', bucket: 'default' }],
  })
  assert.equal((await users.getUser('node-user')).roles[0].name, 'data_reader')
  await users.dropUser('node-user')
  await assert.rejects(users.getUser('node-user'), couchbase.UserNotFoundError)
})
await step('services that are not there', async () => {
  await assert.rejects(cluster.analyticsQuery('SELECT 1', { timeout: 5000 }), (error) => {
    assert.ok(error instanceof couchbase.ServiceNotAvailableError, error.name)
    return true
  })
  await assert.rejects(
    cluster.searchQuery('none', couchbase.SearchQuery.matchAll(), { timeout: 5000 }),
    (error) => {
      assert.ok(error instanceof couchbase.ServiceNotAvailableError, error.name)
      return true
    },
  )
})
await step('ping and diagnostics', async () => {
  const report = await bucket.ping({ serviceTypes: ['kv', 'query'] })
  for (const service of ['kv', 'query']) assert.equal(report.services[service][0].state, 0, service)
  await cluster.diagnostics()
})
await step('query', async () => {
  await documents.upsert('node-q', { kind: 'node', n: 7 })
  for (const adhoc of [true, false]) {
    const result = await cluster.query('SELECT d.n FROM `default` d USE KEYS $1 WHERE d.kind = $2', {
      parameters: ['node-q', 'node'], adhoc,
    })
    assert.deepEqual(result.rows, [{ n: 7 }])
  }
  await assert.rejects(cluster.query('SELEC nothing'), couchbase.ParsingFailureError)
})
await step('query options', async () => {
  const options = { parameters: { k: 'node-q' }, metrics: true, profile: couchbase.QueryProfileMode.Timings,
    scanConsistency: couchbase.QueryScanConsistency.RequestPlus, readOnly: true, clientContextId: 'mine' }
  const { rows, meta } = await cluster.query('SELECT RAW d.n FROM `default` d USE KEYS $k', options)
  assert.deepEqual(rows, [7])
  assert.equal(meta.metrics.resultCount, 1)
  assert.equal(meta.clientContextId, 'mine')
  assert.ok(meta.profile.executionTimings['~child'])
  const long = 'SELECT RAW COUNT(*) FROM ARRAY_RANGE(0, 9999) a JOIN ARRAY_RANGE(0, 9999) b ON a < b'
  await assert.rejects(cluster.query(long, { timeout: 300 }), couchbase.TimeoutError)
  await assert.rejects(cluster.query('DELETE FROM `default` USE KEYS "node-q"', { readOnly: true }))
  assert.ok((await documents.exists('node-q')).exists)
  await assert.rejects(cluster.query('SELECT 1 FROM nowhere'), couchbase.CouchbaseError)
  const streamed = await cluster.query('SELECT RAW r FROM ARRAY_RANGE(0, 50000) r')
  assert.equal(streamed.rows.length, 50000)
})
await step('transactions', async () => {
  const n = async (id) => (await documents.get(id)).content.n
  await documents.upsert('node-t', { n: 1 })
  await cluster.transactions().run(async (attempt) => {
    const found = await attempt.get(documents, 'node-t')
    await attempt.replace(found, { n: found.content.n + 1 })
    await attempt.insert(documents, 'node-u', { n: 10 })
    const { rows } = await attempt.query(
      'UPDATE `default` d USE KEYS ["node-t", "node-u"] SET d.n = d.n + 5 RETURNING RAW d.n')
    assert.deepEqual(rows.sort((a, b) => a - b), [7, 15])
    assert.equal(await n('node-t'), 1)
  })
  assert.deepEqual([await n('node-t'), await n('node-u')], [7, 15])
  await documents.remove('node-u')
  await assert.rejects(cluster.transactions().run(async (attempt) => {
    await attempt.remove(await attempt.get(documents, 'node-t'))
    throw new Error('changed its mind')
  }), couchbase.TransactionFailedError)
  assert.equal(await n('node-t'), 7)
})
await step('transactions by statements', async () => {
  for (const [end, wanted] of [['ROLLBACK WORK', 7], ['COMMIT WORK', 70]]) {
    const [{ txid }] = (await cluster.query('BEGIN WORK')).rows
    await cluster.query('UPDATE `default` d USE KEYS "node-t" SET d.n = 70', { raw: { txid } })
    assert.equal((await documents.get('node-t')).content.n, 7)
    await cluster.query(end, { raw: { txid } })
    assert.equal((await documents.get('node-t')).content.n, wanted)
  }
})
await step('query indexes', async () => {
  const indexes = cluster.queryIndexes()
  await indexes.createPrimaryIndex('default', { ignoreIfExists: true })
  await indexes.createIndex('default', 'node_kind', ['kind'])
  await assert.rejects(indexes.createIndex('default', 'node_kind', ['kind']), couchbase.IndexExistsError)
  await indexes.watchIndexes('default', ['node_kind'], 5000)
  await indexes.dropIndex('default', 'node_kind')
})
await step('close', async () => cluster.close())
if (!failed) console.log('done')
process.exit(failed ? 1 : 0)
