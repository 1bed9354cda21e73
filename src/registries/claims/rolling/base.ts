/** The registry file, and a file of ours beside it, as they are at the head of the base. Read again only when they changed. */
import type { FileRead, Forge } from '../../../connectors/forge/forge.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { RegistryClaim } from '../file/claim.ts'
import { pairWithSidecar, readRegistryFile, readSidecarFile, type RegistryFile } from '../file/registry-file.ts'

export interface FileBase {
  readonly head: string
  /** The same for the same contents. */
  readonly blob: string
  readonly registry: RegistryFile
  /** What is written: the registry itself, or the file beside it. */
  readonly written: RegistryFile
  readonly path: string
  readonly bytes: Buffer
  spotOf(claim: RegistryClaim): RegistryClaim | null
}

export interface FileBaseReader {
  /** One request, and one more for each file that may have changed. */
  now(signal: AbortSignal): Promise<FileBase>
  /** As it was a moment ago, in the same pass; else as it is. */
  recent(signal: AbortSignal): Promise<FileBase>
}

export interface FileBaseOptions {
  readonly forge: Forge
  readonly clock: Clock
  readonly base: string
  readonly path: string
  readonly sidecar: string | null
}

/** What a pass has seen is good for the pass. */
const freshFor: Ms = 10_000

export function createFileBaseReader({ forge, clock, base, path, sidecar }: FileBaseOptions): FileBaseReader {
  let seen: FileBase | null = null
  let seenAt: Ms = 0
  const where = (file: string) => `${file} on ${base} of ${forge.name}`

  async function bytesOf(head: string, file: string, signal: AbortSignal) {
    const read = await forge.read(head, file, signal)
    if (read.is === 'file' || read.is === 'missing') return read
    throw new AppError('target.refused', `${where(file)} is ${words[read.is]}; name a file`)
  }

  async function read(head: string, signal: AbortSignal): Promise<FileBase> {
    const found = await bytesOf(head, path, signal)
    if (found.is === 'missing') {
      throw new AppError('target.refused', `there is no ${where(path)}; put the registry there, or name the right path`)
    }
    const beside = sidecar === null ? null : await bytesOf(head, sidecar, signal)
    const besideBytes = beside?.is === 'file' ? beside.bytes : null
    const blob = beside === null ? found.blob : `${found.blob} ${beside.is === 'file' ? beside.blob : 'none'}`
    // The same contents, read already.
    if (seen?.blob === blob) return { ...seen, head }
    const registry = located(where(path), () => readRegistryFile(found.bytes))
    if (sidecar === null) {
      return { head, blob, registry, written: registry, path, bytes: found.bytes, spotOf: (claim) => claim }
    }
    const written = located(where(sidecar), () => readSidecarFile(besideBytes))
    const pairs = pairWithSidecar(registry, written)
    const bytes = besideBytes ?? Buffer.alloc(0)
    return { head, blob, registry, written, path: sidecar, bytes, spotOf: (claim) => pairs.get(claim) ?? null }
  }

  async function now(signal: AbortSignal): Promise<FileBase> {
    const head = await forge.head(base, signal)
    if (head === null) {
      throw new AppError('target.refused', `${forge.name} has no branch ${base}; make it, or name another one as base`)
    }
    if (seen?.head !== head) seen = await read(head, signal)
    seenAt = clock.monotonic()
    return seen
  }

  return {
    now,
    recent: (signal) => (seen !== null && clock.monotonic() - seenAt < freshFor ? Promise.resolve(seen) : now(signal)),
  }
}

const words: Readonly<Record<Exclude<FileRead['is'], 'file' | 'missing'>, string>> = {
  folder: 'a folder',
  link: 'a symbolic link',
  submodule: 'a submodule',
}

/** Says which file it is. */
function located<T>(where: string, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown
    throw new AppError(thrown.code, `${where}: ${thrown.detail}`, { cause: thrown, data: thrown.data })
  }
}
