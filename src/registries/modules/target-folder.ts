/**
 * Documentation as files, to try things out with no builder: `<folder>/<module>/<channel>/docs/…`. Each such folder
 * holds a label of ours, which says what was unpacked there and comes and goes with it; what has none is not
 * touched. What others do to files inside is not noticed.
 */
import type { Dirent } from 'node:fs'
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import type { Key, Look } from '../../engine/source.ts'
import type { Batch, Change, Held, Outcome, Target } from '../../engine/target.ts'
import { AppError, asAppError } from '../../kernel/errors.ts'
import type { ModuleDocument } from './model.ts'
import { namesOf, refusedName } from './target-jobs.ts'
import { unpack } from './target-unpack.ts'

export interface FolderTargetOptions {
  readonly name: string
  /** Made when the first documentation comes. */
  readonly folder: string
  readonly open: (archive: string) => Promise<Readable>
}

/** What lies in a `module/channel` folder. */
type Found =
  | { readonly is: 'nothing' }
  /** In the way: the folder itself, or something where its module's folder should be. */
  | { readonly is: 'foreign'; readonly path: string }
  | ({ readonly is: 'ours' } & Label)

interface Label {
  readonly version: string
  readonly archive: string
  readonly digest: string
}

const labelFile = '.regista.json'
/** Where folders are made ready, and wait to be deleted. */
const workshop = '.regista'

export function createFolderTarget({ name, folder, open }: FolderTargetOptions): Target<ModuleDocument> {
  const root = resolve(folder)
  const placeOf = (key: Key) => join(root, ...key.split('/'))
  let sweeping: Promise<void> | null = null
  let made = 0

  /** A folder beside, on the same disk. What an earlier process left there goes first. */
  async function beside(): Promise<string> {
    sweeping ??= rm(join(root, workshop), { recursive: true, force: true })
    await sweeping
    await mkdir(join(root, workshop), { recursive: true })
    return join(root, workshop, String((made += 1)))
  }

  /** Takes what is there away in one step. */
  async function clear(key: Key): Promise<void> {
    const old = await beside()
    await rename(placeOf(key), old)
    await rm(old, { recursive: true, force: true })
  }

  async function put({ key, entry }: Change<ModuleDocument>, fence: () => void, signal: AbortSignal): Promise<Outcome> {
    const { item, digest } = entry!
    const wrong = refusedName(item)
    if (wrong !== null) return wrong
    const found = await findAt(root, key)
    // Tried again once that is gone.
    if (found.is === 'foreign')
      return { is: 'rejected', why: 'first-sight', detail: taken(placeOf(key)), until: 'item' }
    if (found.is === 'ours' && found.digest === digest) return { is: 'applied' }
    const fresh = await beside()
    try {
      const tar = await open(item.archive).catch((thrown: unknown) => {
        throw asAppError(thrown)
      })
      await unpack(tar, item, fresh, signal)
      const label: Label = { version: item.version, archive: item.archive, digest }
      await writeFile(join(fresh, labelFile), `${JSON.stringify(label, null, 2)}\n`)
      await mkdir(join(root, item.module), { recursive: true })
      fence()
      if (found.is === 'ours') await clear(key)
      await rename(fresh, placeOf(key))
    } finally {
      await rm(fresh, { recursive: true, force: true })
    }
    return { is: 'applied' }
  }

  async function remove(key: Key, fence: () => void): Promise<Outcome> {
    if (namesOf(key) === null || (await findAt(root, key)).is !== 'ours') return { is: 'applied' }
    fence()
    await clear(key)
    // Unless another channel, or somebody else, has something there.
    await rmdir(join(placeOf(key), '..')).catch(() => {})
    return { is: 'applied' }
  }

  async function* apply(batch: Batch<ModuleDocument>, signal: AbortSignal): AsyncGenerator<readonly [Key, Outcome]> {
    const fence = () => batch.fence()
    for (const change of batch.changes) {
      if (signal.aborted) throw new AppError('aborted', `changes of ${name}`)
      fence()
      yield [change.key, await outcomeOf(change.op === 'put' ? put(change, fence, signal) : remove(change.key, fence))]
    }
  }

  return {
    name,
    fingerprint: '1',
    traits: { repeat: 'safe', page: 64 },
    async identity() {
      const found = await stat(root).catch(absent)
      if (found !== null && !found.isDirectory()) throw unusable(new Error(`${root} is no folder`))
      return root
    },
    async look(): Promise<Look<Held>> {
      try {
        return { saw: 'complete', items: await heldIn(root) }
      } catch (thrown) {
        throw unusable(thrown)
      }
    },
    apply,
  }
}

async function heldIn(root: string): Promise<Held[]> {
  const held: Held[] = []
  for (const module of await listOf(root)) {
    if (module.name === workshop || !module.isDirectory()) continue
    const channels = await listOf(join(root, module.name))
    held.push(
      ...(await Promise.all(channels.map((channel) => heldAs(root, `${module.name}/${channel.name}`, channel)))),
    )
  }
  return held
}

async function heldAs(root: string, key: Key, there: Dirent): Promise<Held> {
  const label = there.isDirectory() ? await labelIn(join(root, key)) : null
  if (label === null) return { key, digest: null, owned: false }
  return { key, digest: label.digest, label: label.version, owned: true }
}

async function listOf(path: string): Promise<Dirent[]> {
  return (await readdir(path, { withFileTypes: true }).catch(absent)) ?? []
}

/** Links are somebody else's, whatever they lead to. */
async function findAt(root: string, key: Key): Promise<Found> {
  const [module = '', channel = ''] = key.split('/')
  const paths = [join(root, module), join(root, module, channel)] as const
  for (const path of paths) {
    const there = await lstat(path).catch(absent)
    if (there === null) return { is: 'nothing' }
    if (!there.isDirectory()) return { is: 'foreign', path }
  }
  const label = await labelIn(paths[1])
  return label === null ? { is: 'foreign', path: paths[1] } : { is: 'ours', ...label }
}

/** null: none of ours. */
async function labelIn(place: string): Promise<Label | null> {
  const text = await readFile(join(place, labelFile), 'utf8').catch(absent)
  if (text === null) return null
  try {
    const { version, archive, digest } = JSON.parse(text) as Partial<Record<keyof Label, unknown>>
    const whole = typeof version === 'string' && typeof archive === 'string' && typeof digest === 'string'
    return whole ? { version, archive, digest } : null
  } catch {
    return null
  }
}

/** One document, or the disk as a whole: that is thrown. */
async function outcomeOf(work: Promise<Outcome>): Promise<Outcome> {
  try {
    return await work
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw unusable(thrown)
    if (thrown.code === 'target.refused')
      return { is: 'rejected', why: 'refused', detail: thrown.detail, until: 'item' }
    if (thrown.code === 'aborted' || thrown.code.startsWith('journal.')) throw thrown
    return { is: 'failed', error: thrown, effect: 'none' }
  }
}

function absent(thrown: NodeJS.ErrnoException): null {
  if (thrown.code === 'ENOENT') return null
  throw thrown
}

function unusable(thrown: unknown): AppError {
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new AppError('target.unavailable', `the folder cannot be used: ${detail}`, { cause: thrown })
}

function taken(path: string): string {
  return `${path} is there and was not written by Regista; move it away, or choose another folder`
}
