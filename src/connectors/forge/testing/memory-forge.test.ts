import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import { firstFiles, forgeContract } from './contract.ts'
import { createMemoryForge } from './memory-forge.ts'

forgeContract(
  'in memory',
  () => {
    const odd = { link: 'a-link', submodule: 'a-module' } as const
    const files = {
      ...firstFiles,
      [odd.link]: { is: 'link', to: 'README.md' },
      [odd.submodule]: { is: 'submodule', to: 'elsewhere' },
    } as const
    const forge = createMemoryForge({ files })
    return Promise.resolve({
      forge,
      stranger: null,
      odd,
      push: (branch, path, text) => Promise.resolve(forge.repository.push(branch, { [path]: text })),
      merge: (number) => Promise.resolve(void forge.repository.merge(number)),
      dispose: () => Promise.resolve(),
    })
  },
  { skip: false },
)

const never = new AbortController().signal
const files = { 'registry.yaml': 'a: 1\nb: 1\n' }

suite('forge in memory: what people do and what goes wrong', () => {
  async function opened() {
    const forge = createMemoryForge({ files })
    const base = await forge.head('main', never)
    assert.ok(base !== null)
    const made = await forge.commit(
      { parent: base, files: new Map([['registry.yaml', Buffer.from('a: 2\nb: 1\n')]]), message: 'change' },
      never,
    )
    await forge.move('work', made, null, never)
    const draft = { from: 'work', into: 'main', title: 'title', body: 'body' }
    const request = await forge.requests!.open(draft, never)
    return { forge, base, made, draft, request, state: () => forge.repository.requests[0]?.state }
  }

  test('a merge takes over what the request changes, upon what came meanwhile', async () => {
    const { forge, state } = await opened()
    forge.repository.push('main', { other: 'x' })
    forge.repository.merge(1)
    assert.equal(state(), 'merged')
    assert.equal(forge.repository.text('main', 'registry.yaml'), 'a: 2\nb: 1\n')
    assert.equal(forge.repository.text('main', 'other'), 'x')
    assert.equal(await forge.head('work', never), null)
    forge.repository.push('main', { other: 'y' })
  })

  test('a merge of two changes of one file is a conflict', async () => {
    const { forge } = await opened()
    forge.repository.push('main', { 'registry.yaml': 'a: 3\nb: 1\n' })
    assert.throws(() => forge.repository.merge(1), /conflict/)
  })

  test('a request whose branch goes away is closed', async () => {
    const { forge, state } = await opened()
    forge.repository.set('work', null)
    assert.equal(state(), 'closed')
  })

  test('a base that is rewritten leaves the branch where it is', async () => {
    const { forge, base, made } = await opened()
    const head = forge.repository.forcePush('main', { 'registry.yaml': 'a: 9\n' })
    assert.equal(await forge.head('main', never), head)
    assert.equal(forge.repository.isAncestor(base, head), false)
    assert.equal(await forge.head('work', never), made)
  })

  test('an answer that is lost is lost after the effect, and a refusal comes before it', async () => {
    const { forge, made, base } = await opened()
    forge.fail('move', { is: 'lost' })
    await assert.rejects(forge.move('other', made, null, never), is('target.unavailable'))
    assert.equal(await forge.head('other', never), made)
    for (const [status, retryAfter, code] of [
      [409, undefined, 'target.unavailable'],
      [422, undefined, 'target.refused'],
      [403, undefined, 'target.refused'],
      [403, 60_000, 'target.unavailable'],
      [502, undefined, 'target.unavailable'],
    ] as const) {
      forge.fail('move', { is: 'status', status, ...(retryAfter !== undefined && { retryAfter }) })
      await assert.rejects(forge.move('other', base, made, never), is(code))
      assert.equal(await forge.head('other', never), made)
    }
    assert.equal(forge.pending, 0)
  })

  test('a call that hangs ends with its signal; somebody may be faster', async () => {
    const { forge, base, made } = await opened()
    forge.fail('head', { is: 'hangs' })
    await assert.rejects(forge.head('main', AbortSignal.timeout(5)), is('aborted'))
    forge.before('move', () => void forge.repository.push('work', { by: 'hand' }))
    assert.equal(await forge.move('work', base, made, never), 'elsewhere')
    assert.deepEqual(
      forge.calls.slice(-2).map(({ step }) => step),
      ['head', 'move'],
    )
  })

  test('thousands of commits do not stay', async () => {
    const { forge, base, made } = await opened()
    for (let at = 0; at < 1000; at += 1) {
      const text = Buffer.from(`a: ${at}\n`)
      await forge.commit({ parent: base, files: new Map([['registry.yaml', text]]), message: 'm' }, never)
    }
    assert.ok(forge.repository.commits.size < 300)
    assert.ok(forge.repository.commits.has(base) && forge.repository.commits.has(made))
  })
})

const is = (code: string) => (thrown: unknown) => thrown instanceof AppError && thrown.code === code
