// Ottoman, unmodified: models, indexes, queries, references. Prints "ok" or "fail" for each step.
import assert from 'node:assert'
import { Ottoman, Schema, Query, FindByIdOptions, SearchConsistency } from 'ottoman'

let failed = false
async function step(name, work) {
  try {
    await work()
    console.log(`ok ${name}`)
  } catch (error) {
    failed = true
    console.log(`fail ${name}: ${error?.stack ?? error}`.replaceAll('\n', ' | '))
  }
}

const ottoman = new Ottoman({ collectionName: '_default', consistency: SearchConsistency.GLOBAL })
await ottoman.connect({
  connectionString: process.env.CB_CONNECTION,
  bucketName: 'books',
  username: process.env.CB_USERNAME,
  password: process.env.CB_PASSWORD,
})

const author = new Schema({ name: { type: String, required: true }, born: Number })
const book = new Schema({
  title: { type: String, required: true },
  pages: { type: Number, min: 1 },
  tags: [String],
  author: { type: author, ref: 'Author' },
})
book.index.findByTitle = { by: 'title', type: 'n1ql' }
book.index.refTitle = { by: 'title', type: 'refdoc' }
const Author = ottoman.model('Author', author, { collectionName: '_default', scopeName: '_default' })
const Book = ottoman.model('Book', book, { collectionName: '_default', scopeName: '_default' })

await step('start', () => ottoman.start())
let writer
await step('create', async () => {
  writer = await Author.create({ name: 'Ada', born: 1815 })
  for (const [title, pages] of [['One', 100], ['Two', 200], ['Three', 300]]) {
    const made = await Book.create({ title, pages, tags: ['x', title], author: writer })
    assert.ok(made.id)
  }
})
await step('validation', async () => {
  await assert.rejects(Book.create({ pages: 10 }))
  await assert.rejects(Book.create({ title: 'None', pages: 0 }))
})
await step('find', async () => {
  const { rows } = await Book.find({ pages: { $gte: 200 } }, { sort: { pages: 'DESC' }, select: ['title', 'pages'] })
  assert.deepEqual(rows.map((row) => row.title), ['Three', 'Two'])
  const some = await Book.find({ $or: [{ title: 'One' }, { pages: { $in: [300] } }] }, { sort: { title: 'ASC' } })
  assert.deepEqual(some.rows.map((row) => row.title), ['One', 'Three'])
  const like = await Book.find({ title: { $like: 'T%' } }, { limit: 1, skip: 1, sort: { title: 'ASC' } })
  assert.deepEqual(like.rows.map((row) => row.title), ['Two'])
})
await step('find by index', async () => {
  const { rows } = await Book.findByTitle('Two')
  assert.equal(rows[0].pages, 200)
  const one = await Book.refTitle('Three')
  assert.equal(one.pages, 300)
})
await step('populate', async () => {
  const { rows } = await Book.find({ title: 'One' }, { populate: ['author'] })
  assert.equal(rows[0].author.name, 'Ada')
  const again = await Book.findById(rows[0].id, new FindByIdOptions({ populate: 'author' }))
  assert.equal(again.author.born, 1815)
})
await step('count and change', async () => {
  assert.equal(await Book.count({ pages: { $lt: 300 } }), 2)
  const found = await Book.findOne({ title: 'One' })
  found.pages = 150
  await found.save()
  assert.equal((await Book.findOneAndUpdate({ title: 'Two' }, { pages: 250 }, { new: true })).pages, 250)
  const many = await Book.updateMany({ pages: { $gt: 200 } }, { tags: ['long'] })
  assert.equal(many.message.success, 2)
  assert.equal(await Book.count({ pages: 150 }), 1)
})
await step('query builder', async () => {
  const query = new Query({ select: 'title, pages', where: { _type: 'Book', pages: { $gt: 100 } },
    orderBy: { pages: 'ASC' }, limit: 2 }, '`books`').build()
  const { rows } = await ottoman.query(query)
  assert.deepEqual(rows.map((row) => row.pages), [150, 250])
})
await step('remove', async () => {
  const gone = await Book.removeMany({ pages: { $gt: 0 } })
  assert.equal(gone.message.success, 3)
  assert.equal(await Book.count(), 0)
})
await ottoman.close()
console.log(failed ? 'failed' : 'done')
process.exit(failed ? 1 : 0)
