/** Puts images where they are read from: into an image layout on disk, or into a registry over its API. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Agent, request, type Dispatcher } from 'undici'
import type { Blob, Built, Shelf } from './images.ts'

interface LayoutIndex {
  readonly schemaVersion: 2
  readonly manifests: readonly LayoutManifest[]
}

interface LayoutManifest {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
}

const refName = 'org.opencontainers.image.ref.name'

/** Repositories are folders below `folder`, each an image layout (OCI image-spec, image-layout.md). */
export interface LayoutShelf extends Shelf {
  /** Leaves the repository there, also when it was the last tag. */
  untag(repository: string, tag: string): Promise<void>
}

export function layoutShelf(folder: string): LayoutShelf {
  const at = (repository: string, ...parts: string[]) => join(folder, ...repository.split('/'), ...parts)
  /** One change of a repository's index after the other. */
  const turns = new Map<string, Promise<void>>()

  async function writeBlob(repository: string, { digest, bytes }: Blob): Promise<void> {
    const [algorithm, hex] = digest.split(':') as [string, string]
    await writeWhole(at(repository, 'blobs', algorithm, hex), bytes)
  }

  async function writeAll(repository: string, image: Built): Promise<void> {
    await Promise.all(image.blobs.map((blob) => writeBlob(repository, blob)))
    for (const child of image.children) await writeAll(repository, child)
    await writeBlob(repository, image)
  }

  function changeIndex(repository: string, change: (manifests: readonly LayoutManifest[]) => LayoutManifest[]) {
    const turn = (turns.get(repository) ?? Promise.resolve()).then(async () => {
      const path = at(repository, 'index.json')
      const text = await readFile(path, 'utf8').catch(() => '{"manifests":[]}')
      const { manifests } = JSON.parse(text) as LayoutIndex
      await writeWhole(at(repository, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
      await writeWhole(path, JSON.stringify({ schemaVersion: 2, manifests: change(manifests) }))
    })
    turns.set(
      repository,
      turn.catch(() => {}),
    )
    return turn
  }

  const without = (manifests: readonly LayoutManifest[], tag: string) =>
    manifests.filter(({ annotations }) => annotations?.[refName] !== tag)

  return {
    async put(repository, tag, image) {
      await writeAll(repository, image)
      const { mediaType, digest, bytes } = image
      const entry = { mediaType, digest, size: bytes.length }
      await changeIndex(repository, (manifests) => {
        return tag === null
          ? [...manifests, entry]
          : [...without(manifests, tag), { ...entry, annotations: { [refName]: tag } }]
      })
    },
    untag: (repository, tag) => changeIndex(repository, (manifests) => without(manifests, tag)),
  }
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const aside = `${path}.${randomUUID()}`
  await writeFile(aside, content)
  await rename(aside, path)
}

export interface RegistryShelfOptions {
  /** What to send as `authorization` for writing into a repository. */
  readonly authorization?: (repository: string) => string
  /** PEM text. */
  readonly ca?: string
}

export interface RegistryShelf extends Shelf, AsyncDisposable {
  /** Removes a manifest and every tag that stands for it. */
  remove(repository: string, digest: string): Promise<void>
}

/** `url` is `http(s)://host:port`. */
export function registryShelf(url: string, options: RegistryShelfOptions = {}): RegistryShelf {
  const agent = new Agent({ connections: 16, connect: options.ca === undefined ? {} : { ca: options.ca } })
  /**
   * `repository digest` of what is there, or on its way: images of a tree share most of their blobs, and one that
   * comes twice at a time is not always there in between.
   */
  const there = new Map<string, Promise<void>>()

  async function ask(method: Dispatcher.HttpMethod, repository: string, to: string | URL, wanted: number, more?: More) {
    const authorization = options.authorization?.(repository)
    const headers = { ...(authorization === undefined ? {} : { authorization }), ...more?.headers }
    const body = more?.body ?? null
    const answer = await request(new URL(to, url), { method, headers, body, dispatcher: agent })
    const text = await answer.body.text()
    if (answer.statusCode !== wanted) throw new Error(`${method} ${String(to)}: ${answer.statusCode} ${text}`)
    return answer
  }

  function pushBlob(repository: string, blob: Blob): Promise<void> {
    const name = `${repository} ${blob.digest}`
    const pushed = there.get(name) ?? upload(repository, blob)
    there.set(name, pushed)
    pushed.catch(() => there.delete(name))
    return pushed
  }

  async function upload(repository: string, { digest, bytes }: Blob): Promise<void> {
    const begun = await ask('POST', repository, `/v2/${repository}/blobs/uploads/`, 202)
    const to = new URL(String(begun.headers['location']), url)
    to.searchParams.set('digest', digest)
    await ask('PUT', repository, to, 201, { body: bytes, headers: { 'content-type': 'application/octet-stream' } })
  }

  async function pushAll(repository: string, image: Built, reference: string): Promise<void> {
    await Promise.all(image.blobs.map((blob) => pushBlob(repository, blob)))
    for (const child of image.children) await pushAll(repository, child, child.digest)
    const { mediaType, bytes } = image
    const more = { body: bytes, headers: { 'content-type': mediaType } }
    await ask('PUT', repository, `/v2/${repository}/manifests/${reference}`, 201, more)
  }

  return {
    put: (repository, tag, image) => pushAll(repository, image, tag ?? image.digest),
    async remove(repository, digest) {
      await ask('DELETE', repository, `/v2/${repository}/manifests/${digest}`, 202)
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}

interface More {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}
