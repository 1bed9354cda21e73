/**
 * Registries of modules as a source. Two kinds of scopes: a registry, whose children are its modules, and
 * a module, whose entries are its channels. A scan in which nothing changed costs one list of tags for each
 * of both, and one HEAD for each channel.
 */
import { isBuilderName } from '../../connectors/docs-builder/names.ts'
import type { ImageStore } from '../../connectors/oci/store.ts'
import type { Child, Ask, Entry, Look, Same, Source, Trouble } from '../../engine/source.ts'
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { digestOf, sha256 } from '../../kernel/digest.ts'
import { asAppError, type AppError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Json } from '../../kernel/json.ts'
import type { Archives } from './archive/archives.ts'
import { keyOf, moduleScope, placeOf, registryScope, releaseRepository } from './layout.ts'
import type { ModuleDocument } from './model.ts'
import { readRelease, type Release } from './release.ts'
import { markText, readMark, readStamp, stampText, type Stamp, type Stamps } from './stamp.ts'

export interface Place {
  /** As in the configuration; the name of its scope. */
  readonly base: string
  readonly store: ImageStore
  /** Repository whose tags are the modules. */
  readonly path: string
}

export interface ModulesSourceOptions {
  /** Where two have one module, the first counts. */
  readonly places: readonly Place[]
  readonly channels: readonly string[]
  readonly archives: Archives
  readonly compat: boolean
  readonly interval: Ms
  readonly clock: Clock
  readonly logger: Logger
  /** Called after each look at a registry. */
  readonly scanned?: () => void
  readonly pulled?: (pull: { readonly bytes: number; readonly seconds: number }) => void
}

/** What decides which bytes become of an image; to be raised when that changes. */
const rulesVersion = 1

export function createModulesSource(options: ModulesSourceOptions): Source<ModuleDocument> {
  const { places, channels, interval, compat } = options
  const rules = `${rulesVersion}${compat ? 'c' : ''}`
  const byBase = new Map(places.map((place, rank) => [place.base, { place, rank }]))
  const scan: Scan = { ...options, rules, channels: new Set(channels), refused: new Set() }

  async function look(ask: Ask, signal: AbortSignal): Promise<Look<Entry<ModuleDocument> | Same>> {
    const at = placeOf(ask.scope)
    const found = at && byBase.get(at.base)
    if (!at || !found) return { saw: 'unavailable', why: 'source-unavailable', detail: 'no registry of this sync' }
    try {
      if (at.module === null) return await lookAtRegistry(scan, found.place, found.rank, ask, signal)
      return await lookAtModule(scan, found.place, at.module, ask, signal)
    } catch (thrown) {
      signal.throwIfAborted()
      const error = asAppError(thrown, 'source.unavailable')
      return { saw: 'unavailable', why: 'source-unavailable', detail: error.detail, ...againOf(error, options.clock) }
    }
  }

  return {
    scopes: places.map(({ base }, rank) => ({ scope: registryScope(base), rank })),
    absence: { looks: 2, apart: Math.min(interval, 20_000) },
    look,
  }
}

interface Scan extends Omit<ModulesSourceOptions, 'channels'> {
  readonly channels: ReadonlySet<string>
  readonly rules: string
  /** Tags that are no names of modules and were told of. */
  readonly refused: Set<string>
}

function againOf(error: AppError, clock: Clock): { again?: Instant } {
  const wait = error.data['retryAfter']
  return typeof wait === 'number' ? { again: clock.now() + wait } : {}
}

async function lookAtRegistry(
  scan: Scan,
  { base, store, path }: Place,
  rank: number,
  ask: Ask,
  signal: AbortSignal,
): Promise<Look<Entry<ModuleDocument>>> {
  const tags = await store.tags(path, signal)
  if (tags === null) {
    // A registry without this repository is one that hides it, or another one: nobody deletes all modules so.
    return { saw: 'unavailable', why: 'source-unavailable', detail: `${store.name} has no repository ${path}` }
  }
  const modules = [...new Set(tags)].filter((tag) => isBuilderName(tag) || refuse(scan, base, tag)).toSorted()
  const mark = sha256([scan.rules, ...modules].join('\n'))
  scan.scanned?.()
  if (ask.mark === mark) return { saw: 'unchanged' }
  const children = modules.map((module): Child => ({ scope: moduleScope(base, module), rank }))
  return { saw: 'complete', items: [], children, mark }
}

/** Told once: signatures and the like stand beside modules for as long as they do. */
function refuse({ refused, logger }: Scan, registry: string, tag: string): false {
  const name = `${registry}:${tag}`
  if (!refused.has(name) && refused.size < 10_000) {
    refused.add(name)
    logger.warn({ registry, tag }, 'tag is no name of a module and is left out')
  }
  return false
}

async function lookAtModule(
  scan: Scan,
  place: Place,
  module: string,
  ask: Ask,
  signal: AbortSignal,
): Promise<Look<Entry<ModuleDocument> | Same>> {
  const { store, path } = place
  const repository = releaseRepository(path, module)
  const tags = await store.tags(repository, signal)
  const channels = [...new Set(tags)].filter((tag) => scan.channels.has(tag))
  const marked = ask.mark === undefined ? null : readMark(scan.rules, ask.mark)
  const before = still(scan, marked ?? (await stampsOf(scan, ask, channels)))
  const probes = await Promise.all(
    channels.map(async (channel): Promise<Probe> => {
      const known = before.get(channel)
      try {
        const head = await store.head(repository, channel, signal, known?.release)
        // It is on the list, and may be on its way out: the next list tells.
        if (head.is === 'missing') return { channel, error: `${store.name}/${repository}:${channel} is not there` }
        if (known && (head.is === 'unchanged' || head.digest === known.release)) return { channel, same: known }
        if (head.is === 'unchanged') return { channel, error: 'was said to be unchanged, and is not known' }
        return { channel, release: head.digest }
      } catch (thrown) {
        signal.throwIfAborted()
        return { channel, error: asAppError(thrown, 'source.unavailable').detail }
      }
    }),
  )
  const same = probes.every((probe) => probe.same !== undefined)
  if (same && marked && marked.size === before.size && before.size === probes.length) return { saw: 'unchanged' }
  return complete(scan, place, module, probes, signal)
}

/** What the HEAD of a channel told. */
interface Probe {
  readonly channel: string
  readonly same?: Stamp
  /** Digest of a release image that is to be read. */
  readonly release?: string
  readonly error?: string
}

async function complete(
  scan: Scan,
  place: Place,
  module: string,
  probes: readonly Probe[],
  signal: AbortSignal,
): Promise<Look<Entry<ModuleDocument> | Same>> {
  const read = createReader(scan, place, module, signal)
  const items: (Entry<ModuleDocument> | Same)[] = []
  const troubles: Trouble[] = []
  const stamps = new Map<string, Stamp>()
  await Promise.all(
    probes.map(async ({ channel, same, release, error }) => {
      const key = keyOf(module, channel)
      if (same) {
        stamps.set(channel, same)
        items.push({ key, stamp: stampText(scan.rules, same) })
      } else if (release === undefined) {
        troubles.push({ key, why: 'source-unavailable', detail: error ?? '' })
      } else {
        try {
          const stamp = await read(release)
          stamps.set(channel, stamp)
          items.push(entryOf(scan, place, module, channel, stamp))
        } catch (thrown) {
          signal.throwIfAborted()
          const failure = asAppError(thrown, 'source.unavailable')
          const why = failure.code === 'source.invalid' ? 'trouble' : 'source-unavailable'
          troubles.push({ key, why, detail: failure.detail })
        }
      }
    }),
  )
  return { saw: 'complete', items, troubles, mark: markText(scan.rules, stamps) }
}

type Read = Stamp & { readonly about: Json }

/** Channels often stand for one release: it is read once. */
function createReader(scan: Scan, place: Place, module: string, signal: AbortSignal) {
  const { archives, compat, pulled, clock } = scan
  const parts = { archives, compat, clock, ...(pulled && { pulled }) }
  const reading = new Map<string, Promise<Release>>()
  return async (release: string): Promise<Read> => {
    let promise = reading.get(release)
    if (!promise) reading.set(release, (promise = readRelease(parts, { ...place, module }, release, signal)))
    const { version, archive, size, about } = await promise
    return { release, version, archive, size, about }
  }
}

function entryOf(
  { rules }: Scan,
  { base }: Place,
  module: string,
  channel: string,
  { about, ...stamp }: Read,
): Entry<ModuleDocument> {
  const { version, archive, size } = stamp
  return {
    key: keyOf(module, channel),
    digest: digestOf({ module, channel, version, archive }),
    label: version,
    item: { module, channel, version, archive, size, registry: base },
    stamp: stampText(rules, stamp),
    note: about,
  }
}

/** What the ledger knows, where no mark tells. */
async function stampsOf({ rules }: Scan, ask: Ask, channels: readonly string[]): Promise<Stamps> {
  if (channels.length === 0) return new Map()
  const known = await ask.known()
  const stamps = new Map<string, Stamp>()
  for (const [key, { stamp }] of known) {
    const read = readStamp(rules, stamp)
    if (read) stamps.set(key.slice(key.indexOf('/') + 1), read)
  }
  return stamps
}

/** Without those whose archive is no longer on disk: that can always be made again. */
function still({ archives }: Scan, stamps: Stamps): Stamps {
  return new Map([...stamps].filter(([, { archive }]) => archives.has(archive)))
}
