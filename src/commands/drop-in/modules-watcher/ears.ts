/** Listens in on the source and the builders of the sync and says what the original would say of it. */
import type { Entry, Look, Same, Source, Trouble } from '../../../engine/source.ts'
import type { Change, Target, TargetList, TargetSet } from '../../../engine/target.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { placeOf, type ModuleDocument } from '../../../registries/modules/drop-in.ts'
import type { Log } from './log.ts'

export interface Ears {
  source(inner: Source<ModuleDocument>): Source<ModuleDocument>
  targets(inner: TargetSet<ModuleDocument>): TargetSet<ModuleDocument>
  /** The engine's own words; what it says of a pass ends the scan. */
  readonly logger: Logger
}

export interface EarsOptions {
  readonly log: Log
  readonly addressOf: (target: string) => string
  /** How many builders there are, and how many of them are new. */
  readonly backends: (count: number, added: number) => void
  /** A pass ended that found so many channels to be other than before. */
  readonly passed: (changed: number) => void
}

type Looked = Look<Entry<ModuleDocument> | Same>

export function createEars({ log, addressOf, backends, passed }: EarsOptions): Ears {
  const scanner = log.named('registry-scanner')
  let scanning = false

  function scanStarts(): void {
    if (!scanning) scanner('info', 'start scanning registries')
    scanning = true
  }

  function scanEnds(fields: object): void {
    scanning = false
    const { appeared = 0, changed = 0, gone = 0 } = fields as Readonly<Record<string, number>>
    const counts = { create: appeared + changed, delete: gone }
    if (counts.create + counts.delete > 0) scanner('info', 'module versions changed in registry', counts)
    passed(counts.create + counts.delete)
  }

  return {
    source: (inner) => ({
      ...inner,
      async look(ask, signal) {
        const place = placeOf(ask.scope)
        if (place?.module === null) scanStarts()
        else scanner('debug', 'processing module', { registry: place?.base, module: place?.module })
        const looked = await inner.look(ask, signal)
        return place === null ? looked : hear(scanner, place, looked)
      },
    }),
    targets: (inner) => earOfBackends({ log, addressOf, backends }, inner),
    logger: engineLogger(log, scanEnds),
  }
}

interface Seen {
  readonly base: string
  readonly module: string | null
}

function hear(log: Log, { base: registry, module }: Seen, looked: Looked): Looked {
  if (looked.saw === 'unavailable') {
    const error = looked.detail ?? looked.why
    if (module === null) log('error', 'registry is unavailable', { registry, error })
    else log('error', 'failed to list tags', { registry, module, error })
  }
  if (looked.saw !== 'complete') return looked
  if (module === null) {
    log('debug', 'found modules', { registry, modules: looked.children?.length ?? 0 })
    return looked
  }
  for (const trouble of looked.troubles ?? []) log('error', 'failed to process release channel', fieldsOf(trouble))
  return { ...looked, items: items(looked.items) }

  function fieldsOf(trouble: Trouble) {
    const channel = 'key' in trouble ? trouble.key.split('/')[1] : undefined
    return { registry, module, channel, error: trouble.detail ?? trouble.why }
  }

  /** As they are taken: those of a look that fails half-way are no news. */
  async function* items(found: Extract<Looked, { saw: 'complete' }>['items']) {
    const told = new Set<string>()
    for await (const item of found) {
      if ('item' in item) {
        const { channel, version } = item.item
        log('debug', 'processing channel', { registry, module, channel })
        if (!told.has(version)) log('info', 'received a new module version, processing...', { module, version })
        told.add(version)
      }
      yield item
    }
  }
}

function earOfBackends(
  { log, addressOf, backends }: Heard,
  inner: TargetSet<ModuleDocument>,
): TargetSet<ModuleDocument> {
  /** By what was listed: another holder of a lease, or another lease of one holder, is another builder. */
  let known: ReadonlyMap<Target<ModuleDocument>, Ear> = new Map()

  function compare(targets: readonly Target<ModuleDocument>[], whole: boolean): Target<ModuleDocument>[] {
    const added = targets.filter((target) => !known.has(target))
    const listed = new Map(targets.map((target) => [target, known.get(target) ?? wrap(target)]))
    const names = new Set(targets.map(({ name }) => name))
    const gone = [...known].filter(([target]) => !listed.has(target) && (whole || names.has(target.name)))
    for (const [target, { backend }] of gone) log('info', 'Removing backend', { backend, target: target.name })
    for (const target of added) {
      log('info', 'Adding backend', { backend: listed.get(target)!.backend, target: target.name })
    }
    const goneTargets = new Set(gone.map(([target]) => target))
    known = new Map([...[...known].filter(([target]) => !goneTargets.has(target)), ...listed])
    backends(known.size, added.length)
    return targets.map((target) => known.get(target)!.heard)
  }

  function wrap(target: Target<ModuleDocument>): Ear {
    const backend = addressOf(target.name)
    return { backend, heard: earOfBackend(log, backend, target) }
  }

  const { changes } = inner
  return {
    async list(signal): Promise<TargetList<ModuleDocument>> {
      const list = await inner.list(signal)
      const targets = compare(list.targets ?? [], list.saw === 'complete')
      return list.targets ? { ...list, targets } : list
    },
    ...(changes && { changes: (signal: AbortSignal) => changes.call(inner, signal) }),
  }
}

type Heard = Pick<EarsOptions, 'log' | 'addressOf' | 'backends'>

interface Ear {
  readonly backend: string
  readonly heard: Target<ModuleDocument>
}

function earOfBackend(log: Log, backend: string, inner: Target<ModuleDocument>): Target<ModuleDocument> {
  let isNew = true
  return {
    ...inner,
    apply(batch, signal) {
      const { changes } = batch
      const puts = changes.filter(({ op, handle }) => op === 'put' && handle === undefined)
      const deletes = changes.filter(({ op }) => op === 'delete')
      if (isNew && puts.length > 0 && puts.every(({ was }) => was === undefined)) {
        log('info', 'Sending documentation to new backend', { backend, docs_count: documents(puts) })
      } else if (puts.length + deletes.length > 0) {
        const tasks = documents(puts) + deletes.length
        log('info', 'Processing registry update event', { backend, tasks })
      }
      for (const { key } of deletes) {
        const [module, channel] = key.split('/')
        log('info', 'find module version to remove, processing...', { backend, module, channel })
      }
      if (puts.length > 0) isNew = false
      return inner.apply(batch, signal)
    },
  }
}

/** Channels of one version go together. */
function documents(puts: readonly Change<ModuleDocument>[]): number {
  return new Set(puts.map(({ entry }) => `${entry!.item.module}/${entry!.item.version}`)).size
}

/** In the form of the original. One line for each pass is for those who debug: the scan has lines of its own. */
function engineLogger(log: Log, passed: (fields: object) => void): Logger {
  const fieldsOf = (fields: object) => {
    const { err, ...rest } = fields as { err?: unknown }
    return err === undefined ? rest : { ...rest, error: err }
  }
  const logger: Logger = {
    debug: (fields, message) => log('debug', message, fieldsOf(fields)),
    info(fields, message) {
      if (message === 'pass') passed(fields)
      log('debug', message, fieldsOf(fields))
    },
    warn: (fields, message) => log('warn', message, fieldsOf(fields)),
    error: (fields, message) => log('error', message, fieldsOf(fields)),
    child: () => logger,
  }
  return logger
}
