/** What every store of images must do: registries and layouts on disk alike. It needs a store of its own. */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { AppError } from '../../../kernel/errors.ts'
import { file, imageOf, indexOf, layerOf, layerOfTar } from '../../../../tests/parts/images.ts'
import type { Built, Layer, Shelf, Types } from '../../../../tests/parts/images.ts'
import type { ImageStore } from '../store.ts'

export interface StoreUnderTest {
  readonly store: ImageStore
  readonly shelf: Shelf
  untag(repository: string, tag: string): Promise<void>
  /** Gives a stored blob or manifest other bytes under its old digest. */
  spoil(repository: string, digest: string, change: (bytes: Buffer) => Uint8Array): Promise<void>
  /** From now on nothing can be read, until the function that it gives is called. */
  breakDown(): Promise<() => Promise<void>>
  dispose(): Promise<void>
}

/** No answer of anything here takes as long, also on a busy machine. */
const bound = 60_000
const inTime = () => AbortSignal.timeout(bound)

type Under = () => StoreUnderTest

export function imageStoreContract(
  name: string,
  open: () => Promise<StoreUnderTest>,
  options: { readonly skip?: string | false; readonly runs?: number } = {},
): void {
  describe(`image store on ${name}`, { skip: options.skip ?? false }, () => {
    let under: StoreUnderTest
    before(async () => {
      under = await open()
      // A place without anything in it may be one that is not mounted.
      await under.shelf.put('something', 'v1', await imageWith('something'))
    })
    after(() => under?.dispose())
    tags(() => under, options.runs ?? 5)
    heads(() => under)
    images(() => under)
    blobs(() => under)
    damage(() => under)
    ends(() => under)
  })
}

async function imageWith(content: string, types: Types = 'oci'): Promise<Built> {
  return imageOf([await layerOf([file('version', content)])], { types, annotations: { made: content } })
}

/** A repository that no other test has. */
const fresh = () => `of-one-test/${randomUUID()}`

function tags(under: Under, runs: number): void {
  it('knows no tags of what is not there, and none of what has lost them all', async () => {
    const repository = fresh()
    assert.equal(await under().store.tags(repository, inTime()), null)
    await under().shelf.put(repository, 'only', await imageWith('x'))
    assert.deepEqual(await under().store.tags(repository, inTime()), ['only'])
    await under().untag(repository, 'only')
    assert.deepEqual(await under().store.tags(repository, inTime()), [])
  })

  it('lists all tags, each once, however many and whatever they are called', async () => {
    const { store, shelf } = under()
    const built = await imageWith('x')
    const first = fc.constantFrom('a', 'b', 'z', 'A', 'Z', '0', '9', '_')
    const rest = fc.array(fc.oneof(first, fc.constantFrom('.', '-')), { maxLength: 12 })
    const tag = fc.tuple(first, rest).map(([head, more]) => head + more.join(''))
    // A file system may not tell upper from lower case.
    const some = fc.uniqueArray(tag, { minLength: 1, maxLength: 12, selector: (one) => one.toLowerCase() })
    await fc.assert(
      fc.asyncProperty(some, async (all) => {
        const repository = fresh()
        for (const one of all) await shelf.put(repository, one, built)
        const listed = await store.tags(repository, inTime())
        assert.deepEqual(listed?.toSorted(), all.toSorted())
      }),
      { numRuns: runs },
    )
  })

  it('keeps repositories inside each other apart', async () => {
    const { store, shelf } = under()
    const outer = fresh()
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((content) => imageWith(content)))
    await shelf.put(outer, 'module', a!)
    await shelf.put(`${outer}/module`, 'v1.0.0', b!)
    await shelf.put(`${outer}/module/release`, 'stable', c!)
    assert.deepEqual(await store.tags(outer, inTime()), ['module'])
    assert.deepEqual(await store.tags(`${outer}/module`, inTime()), ['v1.0.0'])
    assert.deepEqual(await store.tags(`${outer}/module/release`, inTime()), ['stable'])
    assert.equal(await store.tags(`${outer}/other`, inTime()), null)
  })
}

function heads(under: Under): void {
  it('says what tags and digests stand for, of all four kinds', async () => {
    const { store, shelf } = under()
    const repository = fresh()
    for (const types of ['oci', 'docker'] as const) {
      const image = await imageWith(types, types)
      const index = indexOf([{ image, platform: { os: 'linux', architecture: 'amd64' } }], { types })
      for (const [kind, built] of Object.entries({ image, index })) {
        const tag = `${types}-${kind}`
        await shelf.put(repository, tag, built)
        const { digest, mediaType } = built
        for (const reference of [tag, digest]) {
          assert.deepEqual(await store.head(repository, reference, inTime()), { is: 'there', digest, mediaType })
          assert.deepEqual(await store.head(repository, reference, inTime(), digest), { is: 'unchanged' })
        }
      }
    }
  })

  it('says what is missing', async () => {
    const { store, shelf } = under()
    const repository = fresh()
    const missing = { is: 'missing' }
    const { digest } = await imageWith('nowhere')
    assert.deepEqual(await store.head(repository, 'v1', inTime()), missing)
    await shelf.put(repository, 'v1', await imageWith('x'))
    assert.deepEqual(await store.head(repository, 'v2', inTime()), missing)
    assert.deepEqual(await store.head(repository, digest, inTime()), missing)
    assert.deepEqual(await store.head(repository, 'v2', inTime(), digest), missing)
    assert.equal(await store.image(repository, 'v2', inTime()), null)
    assert.equal(await store.image(repository, digest, inTime()), null)
    assert.equal(await store.image(fresh(), 'v1', inTime()), null)
    await under().untag(repository, 'v1')
    assert.deepEqual(await store.head(repository, 'v1', inTime()), missing)
  })

  it('follows a tag that moves', async () => {
    const { store, shelf } = under()
    const repository = fresh()
    const [one, two] = [await imageWith('one'), await imageWith('two')]
    for (const built of [one, two, one]) {
      await shelf.put(repository, 'stable', built)
      const known = built === one ? two.digest : one.digest
      const { digest, mediaType } = built
      assert.deepEqual(await store.head(repository, 'stable', inTime(), known), { is: 'there', digest, mediaType })
      assert.equal((await store.image(repository, 'stable', inTime()))?.digest, digest)
    }
    assert.deepEqual(await store.tags(repository, inTime()), ['stable'])
  })

  it('asks for no names that lead elsewhere', async () => {
    const { store } = under()
    for (const repository of ['..', 'a/../b', '/a', 'a//b', 'a/./b', 'A', 'a?b', 'a%2fb', '']) {
      await unavailable(store.tags(repository, inTime()))
      await unavailable(store.head(repository, 'v1', inTime()))
    }
    for (const reference of ['../../x', 'a/b', 'sha256:../../x', '', '-', `sha256:${'A'.repeat(64)}`]) {
      await unavailable(store.head('something', reference, inTime()))
      await unavailable(store.image('something', reference, inTime()))
    }
  })
}

function images(under: Under): void {
  it('reads manifests of OCI and of Docker, with layers pressed in any way', async () => {
    const { store, shelf } = under()
    const repository = fresh()
    for (const types of ['oci', 'docker'] as const) {
      const ways = ['gzip', 'zstd', 'plain'] as const
      const layers = await Promise.all(ways.map((way) => layerOf([file(way, types)], way)))
      const built = imageOf(layers, { types, annotations: { 'io.example/key': 'ü' } })
      await shelf.put(repository, types, built)
      const image = await store.image(repository, types, inTime())
      assert.deepEqual([image?.digest, image?.reference], [built.digest, built.digest])
      assert.equal(image?.mediaType, built.mediaType)
      assert.deepEqual(image?.annotations, { 'io.example/key': 'ü' })
      assert.equal(image?.config.digest, built.blobs[0]?.digest)
      const told = image?.layers.map(({ digest, size }) => ({ digest, size }))
      assert.deepEqual(
        told,
        layers.map(({ digest, bytes: { length: size } }) => ({ digest, size })),
      )
      assert.deepEqual(await store.image(repository, built.digest, inTime()), image)
    }
  })

  it('finds the image for a platform in an index', async () => {
    const { store, shelf } = under()
    const repository = fresh()
    for (const types of ['oci', 'docker'] as const) {
      const platforms = [
        { os: 'linux', architecture: 'arm64', variant: 'v8' },
        { os: 'linux', architecture: 'amd64' },
        { os: 'windows', architecture: 'amd64' },
      ]
      const made = await Promise.all(platforms.map(async (_, at) => imageWith(`platform ${at}`, types)))
      const index = indexOf(
        platforms.map((platform, at) => ({ image: made[at]!, platform })),
        { types },
      )
      await shelf.put(repository, types, index)
      const usual = await store.image(repository, types, inTime())
      assert.deepEqual([usual?.digest, usual?.reference], [made[1]?.digest, index.digest])
      const arm = await store.image(repository, types, inTime(), platforms[0])
      assert.deepEqual([arm?.digest, arm?.reference], [made[0]?.digest, index.digest])
      assert.deepEqual(arm?.annotations, { made: 'platform 0' })
      await unavailable(store.image(repository, types, inTime(), { os: 'linux', architecture: 's390x' }))
    }
  })
}

/** Neither its name nor what was asked for may hold what should not be shown. */
async function unavailable(promise: Promise<unknown>): Promise<AppError> {
  try {
    await promise
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown))
    assert.equal(thrown.code, 'source.unavailable', thrown.message)
    assert.equal(typeof thrown.data['why'], 'string')
    assert.doesNotMatch(JSON.stringify([thrown.message, thrown.data]), /pull-me-please|Bearer |Basic |signature/)
    return thrown
  }
  throw new Error('it was answered')
}

async function read(
  store: ImageStore,
  repository: string,
  layer: Layer,
  change: { size?: number; digest?: string } = {},
) {
  const chunks: Uint8Array[] = []
  const { digest, bytes } = layer
  const descriptor = { mediaType: 'application/octet-stream', digest, size: bytes.length, ...change }
  for await (const chunk of store.blob(repository, descriptor, inTime())) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function blobs(under: Under): void {
  it('streams blobs, also an empty one, and several at a time', async () => {
    const { store, shelf } = under()
    const repository = fresh()
    const layers = [0, 1, 3_000_000].map((size) => layerOfTar(randomBytes(size), 'plain'))
    await shelf.put(repository, 'v1', imageOf(layers))
    const all = await Promise.all(layers.map((layer) => read(store, repository, layer)))
    for (const [at, bytes] of all.entries()) assert.ok(bytes.equals(layers[at]!.bytes), `layer ${at} differs`)
  })

  it('refuses a blob that is not what its descriptor says, or is not there', async () => {
    const { store, shelf } = under()
    const repository = fresh()
    const layer = layerOfTar(randomBytes(100_000), 'plain')
    await shelf.put(repository, 'v1', imageOf([layer]))
    for (const size of [0, 99_999, 100_001]) {
      assert.equal((await unavailable(read(store, repository, layer, { size }))).data['why'], 'digest-mismatch')
    }
    await unavailable(read(store, repository, layer, { digest: `sha256:${'0'.repeat(64)}` }))
    await unavailable(read(store, repository, layer, { digest: `sha256:../../${'0'.repeat(64)}` }))
    await unavailable(read(store, fresh(), layer))
    assert.equal((await read(store, repository, layer)).length, 100_000)
  })

  it('goes on after a stream that nobody read to its end', async () => {
    const { store, shelf } = under()
    const repository = fresh()
    const layer = layerOfTar(randomBytes(5_000_000), 'plain')
    await shelf.put(repository, 'v1', imageOf([layer]))
    const descriptor = { mediaType: 'x', digest: layer.digest, size: layer.bytes.length }
    // More of them than connections that a client would keep.
    for (let round = 0; round < 40; round += 1) {
      for await (const chunk of store.blob(repository, descriptor, inTime())) {
        assert.ok(chunk.length > 0)
        break
      }
    }
    assert.ok((await read(store, repository, layer)).equals(layer.bytes))
  })
}

function damage(under: Under): void {
  const flip = (bytes: Buffer) => {
    bytes[bytes.length >> 1]! ^= 1
    return bytes
  }

  it('passes on no blob that was altered in the store, and none that was cut', async () => {
    const { store, shelf, spoil } = under()
    for (const change of [
      flip,
      (bytes: Buffer) => bytes.subarray(0, 100),
      (bytes: Buffer) => Buffer.concat([bytes, bytes]),
    ]) {
      const repository = fresh()
      const layer = layerOfTar(randomBytes(100_000), 'plain')
      await shelf.put(repository, 'v1', imageOf([layer]))
      await spoil(repository, layer.digest, change)
      assert.equal((await unavailable(read(store, repository, layer))).data['why'], 'digest-mismatch')
    }
  })

  it('believes no manifest that was altered in the store', async () => {
    const { store, shelf, spoil } = under()
    const repository = fresh()
    const built = await imageWith(randomUUID())
    const index = indexOf([{ image: built, platform: { os: 'linux', architecture: 'amd64' } }])
    await shelf.put(repository, 'index', index)
    await shelf.put(repository, 'image', built)
    const change = (bytes: Buffer) => Buffer.from(bytes.toString().replace('"made"', '"fake"'))
    await spoil(repository, built.digest, change)
    for (const reference of ['image', 'index', built.digest]) {
      await unavailable(store.image(repository, reference, inTime()))
    }
  })
}

/** What was away may be left alone for a while. */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  const until = performance.now() + bound
  for (;;) {
    try {
      return await ask()
    } catch (thrown) {
      if (performance.now() > until) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

function ends(under: Under): void {
  it('is unavailable while it is away, in whatever is asked, and is back by itself', async () => {
    const { store, shelf, breakDown } = under()
    const repository = fresh()
    const layer = layerOfTar(randomBytes(1000), 'plain')
    const built = imageOf([layer])
    await shelf.put(repository, 'v1', built)
    const mend = await breakDown()
    const asked = [
      store.tags(repository, inTime()),
      store.tags(fresh(), inTime()),
      store.head(repository, 'v1', inTime()),
      store.head(repository, built.digest, inTime(), built.digest),
      store.image(repository, 'v1', inTime()),
      read(store, repository, layer),
    ]
    const errors = await Promise.all(asked.map(unavailable))
    for (const error of errors) assert.equal(error.class, 'retry')
    await mend()
    assert.deepEqual(await eventually(() => store.tags(repository, inTime())), ['v1'])
    assert.ok((await eventually(() => read(store, repository, layer))).equals(layer.bytes))
  })

  it('ends with the signal', async () => {
    const { store } = under()
    const gone = AbortSignal.abort()
    const { digest } = await imageWith('something')
    const aborted = (thrown: unknown) => thrown instanceof AppError && thrown.code === 'aborted'
    await assert.rejects(store.tags('something', gone), aborted)
    await assert.rejects(store.head('something', 'v1', gone), aborted)
    await assert.rejects(store.image('something', 'v1', gone), aborted)
    const blob = store.blob('something', { mediaType: 'x', digest, size: 1 }, gone)
    await assert.rejects(async () => {
      for await (const _ of blob) assert.fail('it was read')
    }, aborted)
  })
}
