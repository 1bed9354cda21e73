/** What holds at every forge, in memory, over HTTP and over plain Git. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import { blobId } from '../blob.ts'
import type { ChangeRequests, Forge } from '../forge.ts'

export interface ForgeGround {
  /** Its branch `main` holds `firstFiles`. */
  readonly forge: Forge
  /** The same repository for credentials that nobody knows; null: it takes everybody. */
  readonly stranger: Forge | null
  /** Somebody else puts a file onto a branch that exists. Answers the new head. */
  push(branch: string, path: string, text: string): Promise<string>
  /** Somebody merges a request; only where there are requests. */
  merge?(number: number): Promise<void>
  /** Paths on `main` that are no files. */
  readonly odd?: Partial<Record<'link' | 'submodule', string>>
  /** An imitation that opens a second request for a branch, which no forge does. */
  readonly takesSecond?: boolean
  dispose(): Promise<void>
}

export const firstFiles = {
  'claims/registry.yaml': 'cluster-1: []\n',
  'claims/deep/er/file.yaml': 'deep: true\n',
  'README.md': 'Claims\n',
} as const

const never = new AbortController().signal
const registry = 'claims/registry.yaml'

export function forgeContract(name: string, open: () => Promise<ForgeGround>, options: { skip: string | false }): void {
  suite(`forge: ${name}`, { skip: options.skip }, () => {
    let ground: ForgeGround
    let forge: Forge
    let count = 0
    before(async () => {
      ground = await open()
      forge = ground.forge
    })
    after(async () => {
      await forge?.close()
      await ground?.stranger?.close()
      await ground?.dispose()
    })

    /** A name for a branch of each test's own. */
    const room = (suffix = 'branch') => `rooms/${(count += 1)}/${suffix}`
    const main = async (): Promise<string> => {
      const head = await forge.head('main', never)
      assert.ok(head !== null, 'main is there')
      return head
    }
    const commit = (parent: string, files: Record<string, string | Buffer | null>, message = 'chore: a change') => {
      const bytes = Object.entries(files).map(
        ([path, text]) => [path, text === null ? null : Buffer.from(text)] as const,
      )
      return forge.commit({ parent, files: new Map(bytes), message }, never)
    }
    const textOf = async (at: string, path: string): Promise<string | null> => {
      const read = await forge.read(at, path, never)
      return read.is === 'file' ? read.bytes.toString() : null
    }
    const host = (): Host => ({ ground, forge, room, main, commit, textOf })

    readingTests(host)
    commitTests(host)
    branchTests(host)
    requestTests(host)
    failureTests(host)
  })
}

interface Host {
  readonly ground: ForgeGround
  readonly forge: Forge
  room(suffix?: string): string
  main(): Promise<string>
  commit(parent: string, files: Record<string, string | Buffer | null>, message?: string): Promise<string>
  textOf(at: string, path: string): Promise<string | null>
}

function readingTests(host: () => Host): void {
  test('tells the head of a branch, and that there is none', async () => {
    const { forge, ground, main, room, commit } = host()
    assert.equal(await forge.head(room(), never), null)
    const branch = room('with-ä,#-and-%41')
    assert.equal(await forge.move(branch, await commit(await main(), { a: 'b' }), null, never), 'moved')
    const next = await ground.push(branch, 'a', 'c')
    assert.equal(await forge.head(branch, never), next)
  })

  test('reads a file as it is in a commit, also when the branch has gone on', async () => {
    const { forge, ground, main, textOf } = host()
    const then = await main()
    const read = await forge.read(then, 'claims/deep/er/file.yaml', never)
    assert.deepEqual(read, {
      is: 'file',
      bytes: Buffer.from('deep: true\n'),
      blob: blobId(Buffer.from('deep: true\n')),
    })
    const now = await ground.push('main', 'claims/deep/er/file.yaml', 'deep: truer\n')
    assert.equal(await textOf(now, 'claims/deep/er/file.yaml'), 'deep: truer\n')
    assert.equal(await textOf(then, 'claims/deep/er/file.yaml'), 'deep: true\n')
    await ground.push('main', 'claims/deep/er/file.yaml', 'deep: true\n')
  })

  test('knows files from folders and from nothing', async () => {
    const { forge, ground, main } = host()
    const head = await main()
    assert.deepEqual(await forge.read(head, 'claims/none.yaml', never), { is: 'missing' })
    assert.deepEqual(await forge.read(head, 'none/at/all.yaml', never), { is: 'missing' })
    assert.deepEqual(await forge.read(head, 'claims', never), { is: 'folder' })
    for (const [is, path] of Object.entries(ground.odd ?? {})) {
      assert.deepEqual(await forge.read(head, path, never), { is })
    }
  })

  test('takes paths as they are', async () => {
    const { main, commit, textOf } = host()
    for (const path of ['claims/a b#c?d&e=f+%41.yaml', 'ä/ö.yaml', '.hidden/[x]*.yaml']) {
      const id = await commit(await main(), { [path]: `at ${path}\n` })
      assert.equal(await textOf(id, path), `at ${path}\n`)
    }
  })

  test('keeps every byte, of large files too', async () => {
    const { forge, main, commit } = host()
    const binary = Buffer.from(Array.from({ length: 1024 }, (_, at) => at % 256))
    const large = Buffer.from(`${'name: claim-ä\n'.repeat(130_000)}\r\nlast line`)
    const bom = Buffer.from('\uFEFFa: b\r\n')
    const id = await commit(await main(), { binary, large, bom, empty: '' })
    for (const [path, bytes] of Object.entries({ binary, large, bom, empty: Buffer.alloc(0) })) {
      const read = await forge.read(id, path, never)
      assert.ok(read.is === 'file' && read.bytes.equals(bytes), path)
      assert.equal(read.blob, blobId(bytes))
    }
  })
}

function commitTests(host: () => Host): void {
  test('makes a commit that no branch has, and leaves all else as it is', async () => {
    const { forge, main, commit, textOf } = host()
    const head = await main()
    const id = await commit(head, {
      [registry]: 'cluster-1: [changed]\n',
      'claims/new/one.yaml': 'new\n',
      'README.md': null,
    })
    assert.notEqual(id, head)
    assert.equal(await main(), head)
    assert.equal(await textOf(id, registry), 'cluster-1: [changed]\n')
    assert.equal(await textOf(id, 'claims/new/one.yaml'), 'new\n')
    assert.equal(await textOf(id, 'claims/deep/er/file.yaml'), firstFiles['claims/deep/er/file.yaml'])
    assert.deepEqual(await forge.read(id, 'README.md', never), { is: 'missing' })
    assert.equal(await textOf(head, registry), firstFiles[registry])
  })

  test('makes commits upon commits that no branch has', async () => {
    const { main, commit, textOf } = host()
    const first = await commit(await main(), { one: '1' })
    const second = await commit(first, { two: '2' })
    assert.deepEqual([await textOf(second, 'one'), await textOf(second, 'two')], ['1', '2'])
  })

  test('takes an author and a message of many lines', async () => {
    const { forge, main, textOf } = host()
    const author = { name: 'Ä. "Quoted" Author', email: 'author@example.org' }
    const message = 'chore: update\n\nWith a body, "quotes" and ü.'
    const files = new Map([[registry, Buffer.from('authored: true\n')]])
    const id = await forge.commit({ parent: await main(), files, message, author }, never)
    assert.equal(await textOf(id, registry), 'authored: true\n')
  })
}

function branchTests(host: () => Host): void {
  test('makes a branch, moves it on and aside', async () => {
    const { forge, main, room, commit, textOf } = host()
    const [branch, base] = [room(), await main()]
    const one = await commit(base, { [registry]: 'one\n' })
    assert.equal(await forge.move(branch, one, null, never), 'moved')
    assert.equal(await forge.head(branch, never), one)
    const two = await commit(one, { [registry]: 'two\n' })
    assert.equal(await forge.move(branch, two, one, never), 'moved')
    // Not upon what is there: the same change on its base again.
    const three = await commit(base, { [registry]: 'three\n' })
    assert.equal(await forge.move(branch, three, two, never), 'moved')
    assert.equal(await forge.head(branch, never), three)
    assert.equal(await textOf(three, registry), 'three\n')
  })

  test('moves no branch that stands elsewhere', async () => {
    const { forge, ground, main, room, commit } = host()
    const [branch, base] = [room(), await main()]
    const ours = await commit(base, { a: 'ours' })
    assert.equal(await forge.move(branch, ours, base, never), 'elsewhere', 'it is not there')
    assert.equal(await forge.head(branch, never), null)
    await forge.move(branch, ours, null, never)
    const theirs = await ground.push(branch, 'a', 'theirs')
    const next = await commit(base, { a: 'next' })
    assert.equal(await forge.move(branch, next, ours, never), 'elsewhere')
    assert.equal(await forge.move(branch, next, null, never), 'elsewhere')
    assert.equal(await forge.head(branch, never), theirs)
  })

  test('says moved of a branch that stands there already', async () => {
    const { forge, main, room, commit } = host()
    const branch = room()
    const one = await commit(await main(), { a: '1' })
    assert.equal(await forge.move(branch, one, null, never), 'moved')
    assert.equal(await forge.move(branch, one, null, never), 'moved')
    assert.equal(await forge.move(branch, one, one, never), 'moved')
  })

  test('removes a branch only where it is known to stand', async () => {
    const { forge, ground, main, room, commit } = host()
    const branch = room()
    const one = await commit(await main(), { a: '1' })
    await forge.move(branch, one, null, never)
    const theirs = await ground.push(branch, 'a', 'theirs')
    assert.equal(await forge.remove(branch, one, never), 'elsewhere')
    assert.equal(await forge.head(branch, never), theirs)
    assert.equal(await forge.remove(branch, theirs, never), 'removed')
    assert.equal(await forge.head(branch, never), null)
    assert.equal(await forge.remove(branch, theirs, never), 'removed')
    assert.equal(await forge.move(branch, one, null, never), 'moved', 'the name is free again')
  })

  test('knows whether a commit follows another one', async (context) => {
    const { forge, main, commit, room } = host()
    if (forge.follows === undefined) return context.skip('it cannot tell')
    const base = await main()
    const one = await commit(base, { a: '1' })
    const [two, other] = [await commit(one, { a: '2' }), await commit(base, { a: 'other' })]
    // Some places only tell it of commits that branches have.
    for (const tip of [two, other]) await forge.move(room(), tip, null, never)
    const follows = (tip: string, earlier: string) => forge.follows?.(tip, earlier, never)
    assert.deepEqual(
      [await follows(two, base), await follows(two, two), await follows(base, two), await follows(other, one)],
      [true, true, false, false],
    )
  })

  test('lists the branches that begin so', async () => {
    const { forge, main, room, commit } = host()
    const prefix = room('status-update-')
    const id = await commit(await main(), { a: '1' })
    const names = Array.from({ length: 3 }, (_, at) => `${prefix}${at}`)
    for (const branch of names) await forge.move(branch, id, null, never)
    const found = await forge.branches(prefix, never)
    assert.deepEqual(found, new Map(names.map((branch) => [branch, id])))
    assert.equal((await forge.branches(room('none-'), never)).size, 0)
  })
}

function requestTests(host: () => Host): void {
  /** A branch with a change, and its request. */
  async function opened({ forge, main, room, commit }: Host, requests: ChangeRequests) {
    const from = room()
    const id = await commit(await main(), { [`${from}.yaml`]: 'changed\n' })
    await forge.move(from, id, null, never)
    const draft = { from, into: 'main', title: 'chore: update', body: 'A | table, `code` and ä\n' }
    return { from, id, draft, request: await requests.open(draft, never) }
  }

  test('opens one request, finds it and opens no second one', async (context) => {
    const one = host()
    const { requests } = one.forge
    if (requests === null) return context.skip('it has no requests')
    assert.equal(await requests.find(one.room(), 'main', never), null)
    const { from, draft, request } = await opened(one, requests)
    assert.ok(request.number > 0 && request.url.startsWith('http'))
    assert.deepEqual([request.state, request.title, request.body.trim()], ['open', draft.title, draft.body.trim()])
    assert.deepEqual(await requests.find(from, 'main', never), request)
    if (one.ground.takesSecond !== true) {
      assert.equal((await requests.open({ ...draft, title: 'again' }, never)).number, request.number)
    }
    assert.equal(await requests.find(from, 'other', never), null)
  })

  test('updates, comments and closes', async (context) => {
    const one = host()
    const { requests } = one.forge
    if (requests === null) return context.skip('it has no requests')
    const { from, draft, request } = await opened(one, requests)
    await requests.update(request.number, { title: 'chore: other', body: 'Other' }, never)
    await requests.comment(request.number, 'A comment', never)
    const updated = await requests.find(from, 'main', never)
    assert.deepEqual([updated?.title, updated?.body.trim(), updated?.state], ['chore: other', 'Other', 'open'])
    await requests.close(request.number, never)
    assert.equal((await requests.find(from, 'main', never))?.state, 'closed')
    await requests.close(request.number, never)
    const next = await requests.open(draft, never)
    assert.notEqual(next.number, request.number)
    assert.deepEqual(await requests.find(from, 'main', never), next)
  })

  test('follows a request until it is merged', async (context) => {
    const one = host()
    const { requests } = one.forge
    if (requests === null || one.ground.merge === undefined) return context.skip('it has no requests')
    const { from, request } = await opened(one, requests)
    await one.ground.merge(request.number)
    assert.equal((await requests.find(from, 'main', never))?.state, 'merged')
    assert.equal(await one.textOf(await one.main(), `${from}.yaml`), 'changed\n')
  })

  test('finds the request of a branch that is gone', async (context) => {
    const one = host()
    const { requests } = one.forge
    if (requests === null) return context.skip('it has no requests')
    const { from, id, request } = await opened(one, requests)
    await requests.close(request.number, never)
    assert.equal(await one.forge.remove(from, id, never), 'removed')
    const found = await requests.find(from, 'main', never)
    assert.deepEqual([found?.number, found?.state], [request.number, 'closed'])
  })
}

function failureTests(host: () => Host): void {
  test('ends at once when nobody waits any more', async () => {
    const { forge, main } = host()
    const head = await main()
    const gone = AbortSignal.abort()
    const calls: Record<string, () => Promise<unknown>> = {
      head: () => forge.head('main', gone),
      read: () => forge.read(head, 'README.md', gone),
      commit: () => forge.commit({ parent: head, files: new Map([['a', Buffer.from('b')]]), message: 'no' }, gone),
      move: () => forge.move('never-made', head, null, gone),
      branches: () => forge.branches('', gone),
    }
    for (const [step, call] of Object.entries(calls)) {
      const thrown = await call().catch((error: unknown) => error)
      assert.ok(thrown instanceof AppError && thrown.code === 'aborted', `${step}: ${String(thrown)}`)
    }
    assert.equal(await forge.head('never-made', never), null)
  })

  test('refuses a commit upon nothing, and to read from it', async () => {
    const { forge, commit } = host()
    const none = '1234567890123456789012345678901234567890'
    for (const call of [() => commit(none, { a: 'b' }), () => forge.read(none, 'README.md', never)]) {
      await assert.rejects(call, (thrown) => thrown instanceof AppError && thrown.code === 'target.refused')
    }
  })

  test('says of a stranger that the credentials are wrong', async (context) => {
    const { ground } = host()
    const { stranger } = ground
    if (stranger === null) return context.skip('it takes everybody')
    await assert.rejects(stranger.head('main', never), (thrown) => {
      assert.ok(thrown instanceof AppError && thrown.code === 'target.refused', String(thrown))
      assert.ok(['unauthorized', 'forbidden', 'not-found'].includes(String(thrown.data['why'])))
      return true
    })
  })
}
