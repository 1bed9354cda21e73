/** What every type of image registry must do, on fakes and on real servers alike. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { file, imageOf, indexOf, layerOf, type Built } from '../../../../../tests/parts/images.ts'
import { AppError } from '../../../../kernel/errors.ts'
import type { Selection } from '../../model.ts'
import type { ImageRegistry } from '../image-registry.ts'

export interface RegistryUnderTest {
  readonly registry: ImageRegistry
  /** Of the images; the default will do where anybody may have any. */
  readonly owner?: string
  put(image: string, tag: string, built: Built): Promise<void>
  untag(image: string, tag: string): Promise<void>
  /** Requests that it has answered; null: nobody counts them. */
  requests(): Promise<number | null>
  /** From now on nothing answers, until the function that it gives is called. null: that cannot be done. */
  readonly breakDown: (() => Promise<() => Promise<void>>) | null
  dispose(): Promise<void>
}

type Under = () => RegistryUnderTest

const bound = 60_000
const inTime = () => AbortSignal.timeout(bound)

export function imageRegistryContract(
  name: string,
  open: () => Promise<RegistryUnderTest>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(`image registry: ${name}`, { skip: options.skip ?? false }, () => {
    let under: RegistryUnderTest
    before(async () => {
      under = await open()
    })
    after(() => under?.dispose())
    const fresh = () => `${under.owner ?? 'acme'}/of-one-test-${randomUUID().slice(0, 8)}`
    lists(() => under, fresh)
    digests(() => under, fresh)
    newest(() => under, fresh)
    behind(() => under, fresh)
    ends(() => under, fresh)
  })
}

export async function imageWith(content: string, more: Parameters<typeof imageOf>[1] = {}): Promise<Built> {
  return imageOf([await layerOf([file('version', content)])], { comment: content, ...more })
}

function lists(under: Under, fresh: () => string): void {
  it('knows nothing of what is not there', async () => {
    const { registry } = under()
    const image = fresh()
    assert.equal(await registry.listTags(image, inTime()), null)
    assert.equal(await registry.listTags(image, inTime(), { times: true }), null)
    assert.equal(await registry.getLatestTag(image, following('v*'), inTime()), null)
    assert.equal(await registry.digestOf(image, 'v1', inTime()), null)
  })

  it('lists tags with what it says that it can tell of them, and no artefacts', async () => {
    const { registry, put } = under()
    const image = fresh()
    const built = [await imageWith('one'), await imageWith('two')] as const
    await put(image, 'v1', built[0])
    await put(image, `sha256-${'a'.repeat(64)}`, built[0])
    await put(image, 'v1.sig', built[0])
    await put(image, 'v2', built[1])
    const list = (await registry.listTags(image, inTime(), { times: true }))!
    assert.deepEqual(list.tags.map(({ name }) => name).toSorted(), ['v1', 'v2'])
    for (const { name, digest, pushedAt } of list.tags) {
      const is = built[name === 'v1' ? 0 : 1].digest
      assert.equal(digest, registry.abilities.digests ? is : undefined)
      assert.equal(typeof pushedAt, registry.abilities.times ? 'number' : 'undefined')
    }
    if (registry.abilities.times) {
      const [first, second] = ['v1', 'v2'].map((tag) => list.tags.find(({ name }) => name === tag)!.pushedAt!)
      assert.ok(first! <= second!)
    }
  })

  it('equal lists have equal checksums, and what changed does not', async () => {
    const { registry, put, untag } = under()
    const image = fresh()
    const sum = async () => (await registry.listTags(image, inTime()))!.checksum
    await put(image, 'v1', await imageWith('one'))
    const first = await sum()
    assert.equal(await sum(), first)
    await put(image, 'v2', await imageWith('two'))
    const second = await sum()
    assert.notEqual(second, first)
    await untag(image, 'v2')
    assert.equal(await sum(), first)
    if (!registry.abilities.digests) return
    await put(image, 'v1', await imageWith('three'))
    assert.notEqual(await sum(), first)
  })

  it('of what has lost all its tags none is the newest', async () => {
    const { registry, put, untag } = under()
    const image = fresh()
    await put(image, 'v1', await imageWith('one'))
    await registry.listTags(image, inTime())
    await untag(image, 'v1')
    assert.deepEqual((await registry.listTags(image, inTime()))?.tags ?? [], [])
    assert.equal(await registry.getLatestTag(image, following('v*'), inTime()), null)
    assert.equal(await registry.digestOf(image, 'v1', inTime()), null)
  })
}

function digests(under: Under, fresh: () => string): void {
  it('tells what a tag stands for, of either kind of image, and when it moves', async () => {
    const { registry, put } = under()
    const image = fresh()
    const all = [
      await imageWith('one'),
      await imageWith('two', { types: 'docker' }),
      indexOf([{ image: await imageWith('three'), platform: { os: 'linux', architecture: 'amd64' } }]),
    ]
    for (const built of all) {
      await put(image, 'stable', built)
      assert.equal(await registry.digestOf(image, 'stable', inTime()), built.digest)
      assert.equal(await registry.digestOf(image, 'stable', inTime(), built.digest), 'unchanged')
    }
    assert.equal(await registry.digestOf(image, 'stable', inTime(), all[0]!.digest), all[2]!.digest)
    assert.equal(await registry.digestOf(image, 'nothing', inTime()), null)
  })
}

const following = (...tags: string[]): Selection => ({ tags, strategy: 'auto', range: null })

function newest(under: Under, fresh: () => string): void {
  it('finds the newest by name, with its digest', async () => {
    const { registry, put } = under()
    const image = fresh()
    const newestOne = await imageWith('1.10.0')
    for (const tag of ['v1.9.0', 'v1.2.0', 'latest']) await put(image, tag, await imageWith(tag))
    await put(image, 'v1.10.0', newestOne)
    const found = await registry.getLatestTag(image, following('v*'), inTime())
    assert.deepEqual([found?.tag, found?.digest], ['v1.10.0', newestOne.digest])
    assert.equal(await registry.getLatestTag(image, following('w*'), inTime()), null)
    const fixed = await registry.getLatestTag(image, following('v1.2.0'), inTime())
    assert.equal(fixed?.tag, 'v1.2.0')
    if (!registry.abilities.foldsCase) return
    assert.equal((await registry.getLatestTag(image, following('V*'), inTime()))?.tag, 'v1.10.0')
    assert.equal(await registry.digestOf(image, 'V1.10.0', inTime()), newestOne.digest)
  })

  it('finds the newest by when it was pushed, or says that it cannot', async () => {
    const { registry, put } = under()
    const image = fresh()
    const tags = ['b3f1c2d', 'a1b2c3d', 'c0ffee1']
    for (const tag of tags) await put(image, tag, await imageWith(tag))
    const asked = registry.getLatestTag(image, { tags: ['*'], strategy: 'pushed', range: null }, inTime())
    if (registry.abilities.times) assert.equal((await asked)?.tag, 'c0ffee1')
    else await assert.rejects(asked, { code: 'source.invalid' })
  })

  it('finds the newest by when it was built', async () => {
    const { registry, put } = under()
    const image = fresh()
    const built = await imageWith('new', { created: '2026-03-01T10:00:00Z' })
    await put(image, 'bbbbbbb', built)
    await put(image, 'ccccccc', await imageWith('old', { created: '2025-03-01T10:00:00Z' }))
    const found = await registry.getLatestTag(image, { tags: ['*'], strategy: 'created', range: null }, inTime())
    assert.deepEqual(found, { tag: 'bbbbbbb', digest: built.digest, at: Date.UTC(2026, 2, 1, 10) })
  })
}

function behind(under: Under, fresh: () => string): void {
  it('tells the digest of one platform, once', async () => {
    const { registry, put, requests } = under()
    const image = fresh()
    const arm = await imageWith('arm', { platform: { os: 'linux', architecture: 'arm64' } })
    const amd = await imageWith('amd')
    const index = indexOf([
      { image: amd, platform: { os: 'linux', architecture: 'amd64' } },
      { image: arm, platform: { os: 'linux', architecture: 'arm64' } },
    ])
    await put(image, 'v1', index)
    const ask = (architecture: string) =>
      registry.platformDigest(image, index.digest, { os: 'linux', architecture }, inTime())
    assert.equal(await ask('arm64'), arm.digest)
    assert.equal(await ask('riscv64'), null)
    const before = await requests()
    assert.equal(await ask('arm64'), arm.digest)
    assert.equal(await ask('riscv64'), null)
    assert.equal(await requests(), before)
    const platform = { os: 'linux', architecture: 'amd64' }
    assert.equal(await registry.platformDigest(image, `sha256:${'0'.repeat(64)}`, platform, inTime()), null)
  })

  it('tells when an image was built, once, and of none that says the beginning of time', async () => {
    const { registry, put, requests } = under()
    const image = fresh()
    const arm = { os: 'linux', architecture: 'arm64' }
    const told = await imageWith('told', { created: '2026-03-01T10:00:00.5Z', platform: arm })
    const index = indexOf([{ image: told, platform: arm }])
    await put(image, 'v1', index)
    assert.equal(await registry.createdAt(image, index.digest, inTime()), Date.UTC(2026, 2, 1, 10) + 500)
    const before = await requests()
    await registry.createdAt(image, index.digest, inTime())
    assert.equal(await requests(), before)
    for (const created of ['1970-01-01T00:00:00Z', '0001-01-01T00:00:00Z', 'yesterday', undefined]) {
      const built = await imageWith(`${created}`, created === undefined ? {} : { created })
      await put(image, 'v2', built)
      assert.equal(await registry.createdAt(image, built.digest, inTime()), null, created)
    }
  })
}

function ends(under: Under, fresh: () => string): void {
  it('what does not answer is unavailable, and neither empty nor unchanged', async (t) => {
    const { registry, put, breakDown } = under()
    if (breakDown === null) return t.skip('this one cannot be stopped')
    const image = fresh()
    const built = await imageWith('one')
    await put(image, 'v1', built)
    const list = await registry.listTags(image, inTime())
    const repair = await breakDown()
    const gone = (thrown: unknown) =>
      thrown instanceof AppError && thrown.code === 'source.unavailable' && thrown.data['why'] === 'network'
    try {
      await assert.rejects(registry.listTags(image, inTime()), gone)
      await assert.rejects(registry.digestOf(image, 'v1', inTime(), built.digest), gone)
      // No more: many failures in a row close the way for a while.
    } finally {
      await repair()
    }
    assert.deepEqual(await registry.listTags(image, inTime()), list)
  })

  it('ends with the signal of who asks', async () => {
    const { registry } = under()
    const gone = AbortSignal.abort()
    await assert.rejects(registry.listTags(fresh(), gone), { code: 'aborted' })
    await assert.rejects(registry.digestOf(fresh(), 'v1', gone), { code: 'aborted' })
  })
}
