/** Regista's own key-value store over HTTP. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { serve, type Served } from '../src/server/testing/serve.ts'

suite('key-value store', () => {
  let served: Served
  before(async () => {
    served = await serve()
  })
  after(() => served[Symbol.asyncDispose]())

  const at = (key: string) => `/api/v1/kv/${encodeURIComponent(key)}`
  const put = (key: string, value: unknown, headers?: Record<string, string>) =>
    served.send('PUT', at(key), { value }, headers)
  const read = async (key: string) => Buffer.from(await (await served.call(at(key))).arrayBuffer())

  async function written(reply: Response): Promise<number> {
    assert.equal(reply.status, 200)
    const { revision } = (await reply.json()) as { revision: number }
    assert.equal(reply.headers.get('etag'), `"${revision}"`)
    return revision
  }

  test('keys of every form keep their bytes', async () => {
    const keys = ['plain', '/from/the/root', 'a//b', 'with space', 'per%cent', 'what?#', 'ключ', 'a/../b', '*']
    for (const key of keys) await written(await put(key, `value of ${key}`))
    for (const key of keys) assert.equal((await read(key)).toString(), `value of ${key}`, key)
    const bytes = Buffer.from([0, 255, 128, 10])
    await written(await put('bytes', { base64: bytes.toString('base64') }))
    assert.deepEqual(await read('bytes'), bytes)
    const plain = await served.call('/api/v1/kv/slashes/may/stand')
    assert.equal(plain.status, 404)
    await written(await put('slashes/may/stand', 'x'))
    assert.equal(await (await served.call('/api/v1/kv/slashes/may/stand')).text(), 'x')
  })

  test('a value is served so that no browser takes it for a page', async () => {
    await put('page', '<script>alert(1)</script>')
    const reply = await served.call(at('page'))
    assert.equal(reply.headers.get('content-type'), 'application/octet-stream')
    assert.equal(reply.headers.get('x-content-type-options'), 'nosniff')
  })

  test('revisions guard against other writers', async () => {
    const first = await written(await put('guarded', 'one', { 'if-none-match': '*' }))
    assert.equal((await put('guarded', 'two', { 'if-none-match': '*' })).status, 412)
    assert.equal((await put('guarded', 'two', { 'if-match': '"999999"' })).status, 412)
    assert.equal((await put('guarded', 'two', { 'if-match': `W/"${first}"` })).status, 412)
    const second = await written(await put('guarded', 'two', { 'if-match': `"999999", "${first}"` }))
    assert.equal((await put('guarded', 'three', { 'if-match': `"${first}"` })).status, 412)
    assert.equal((await read('guarded')).toString(), 'two')
    await written(await put('guarded', 'three', { 'if-match': '*' }))
    assert.equal((await put('unguarded', 'x', { 'if-match': '*' })).status, 412)
    assert.equal((await put('guarded', 'x', { 'if-none-match': `"${second}"` })).status, 400)
    const remove = (headers: Record<string, string>) => served.send('DELETE', at('guarded'), undefined, headers)
    assert.equal((await remove({ 'if-match': `"${second}"` })).status, 412)
    assert.equal((await remove({ 'if-match': '*' })).status, 204)
    assert.equal((await remove({})).status, 404)
    await written(await put('guarded', 'again', { 'if-none-match': '*' }))
  })

  test('of many that write the same revision one wins', async () => {
    const first = await written(await put('contended', 'start'))
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, each) => put('contended', `writer ${each}`, { 'if-match': `"${first}"` })),
    )
    const statuses = replies.map(({ status }) => status)
    assert.deepEqual(
      [statuses.filter((one) => one === 200).length, statuses.filter((one) => one === 412).length],
      [1, 19],
    )
    assert.equal((await read('contended')).toString(), `writer ${statuses.indexOf(200)}`)
  })

  test('the same value again keeps its revision and writes no event', async () => {
    const first = await written(await put('same', 'value'))
    const { seq } = await served.journal.head()
    assert.equal(await written(await put('same', 'value')), first)
    assert.equal((await served.journal.head()).seq, seq)
  })

  test('what a reader has already is not sent again', async () => {
    const revision = await written(await put('cached', 'value'))
    const ask = (tag: string) => served.call(at('cached'), { headers: { 'if-none-match': tag } })
    assert.equal((await ask(`"${revision}"`)).status, 304)
    assert.equal((await ask(`"1", W/"${revision}"`)).status, 304)
    assert.equal((await ask('"1"')).status, 200)
    const head = await served.call(at('cached'), { method: 'HEAD' })
    assert.deepEqual([head.headers.get('etag'), head.headers.get('content-length')], [`"${revision}"`, '5'])
  })

  test('lists of a prefix come in pages, text as text and bytes as bytes', async () => {
    const keys = Array.from({ length: 7 }, (_, each) => `list/${each}`)
    for (const key of keys) await put(key, key)
    await put('list/bytes', { base64: '/w==' })
    const found: { key: string; value: unknown }[] = []
    let next: string | null = '/api/v1/kv?prefix=list/&limit=3'
    let pages = 0
    while (next !== null) {
      const page = (await (await served.call(next)).json()) as { items: typeof found; next: string | null }
      found.push(...page.items)
      next = page.next
      pages += 1
    }
    assert.equal(pages, 3)
    assert.deepEqual(
      found.map(({ key, value }) => [key, value]),
      [...keys.map((key) => [key, key]), ['list/bytes', { base64: '/w==' }]],
    )
    const bare = (await (await served.call('/api/v1/kv?prefix=list/6&keysOnly=true')).json()) as { items: object[] }
    assert.deepEqual(Object.keys(bare.items[0]!), ['key', 'revision'])
  })

  test('what is no value, no key, or too much', async () => {
    for (const value of [null, 5, { base64: '***' }, { base64: 'AA==', more: 1 }]) {
      assert.equal((await put('wrong', value)).status, 400, JSON.stringify(value))
    }
    assert.equal((await served.call('/api/v1/kv/')).status, 400)
    assert.equal((await put('k'.repeat(1025), 'x')).status, 400)
    assert.equal((await put('wrong', 'x'.repeat(1_100_000))).status, 413)
    assert.equal((await served.call(at('wrong'))).status, 404)
  })
})
