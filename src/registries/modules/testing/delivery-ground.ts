/** Documents and their archives in memory, and a sync that delivers them, on a ledger in memory. */
import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import { createDraft } from '../../../database/draft.ts'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createEngine } from '../../../engine/create-engine.ts'
import type { Engine, PassReport, SyncSpec } from '../../../engine/engine.ts'
import type { Journal } from '../../../engine/journal.ts'
import { root } from '../../../engine/scope.ts'
import type { Entry, Hint } from '../../../engine/source.ts'
import { deliveries, engineTables, targets } from '../../../engine/tables.ts'
import type { TargetSet } from '../../../engine/target.ts'
import { systemClock, type Clock, type Ms } from '../../../kernel/clock.ts'
import { digestOf, sha256 } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import type { ModuleDocument } from '../model.ts'

export interface Archives {
  /** A document with an archive of one page. */
  document(place: string, version: string, page?: string): Promise<Entry<ModuleDocument>>
  open(archive: string): Promise<Readable>
  /** As it would be after the folder was wiped. */
  lose(archive: string): void
  readonly opened: number
}

export function createArchives(): Archives {
  const tars = new Map<string, Buffer>()
  let opened = 0
  return {
    async document(place, version, page = version) {
      const tar = await tarOf({ 'docs': null, 'docs/README.md': page, 'module.yaml': `name: ${place}` })
      const archive = `sha256:${sha256(tar)}`
      tars.set(archive, tar)
      return entryOf(place, version, archive, tar.length)
    },
    open(archive) {
      opened += 1
      const tar = tars.get(archive)
      if (!tar) return Promise.reject(new AppError('internal', `there is no archive ${archive}`))
      return Promise.resolve(Readable.from([tar.subarray(0, 512), tar.subarray(512)]))
    },
    lose: (archive) => void tars.delete(archive),
    get opened() {
      return opened
    },
  }
}

export function entryOf(place: string, version: string, archive: string, size: number): Entry<ModuleDocument> {
  const [module = '', channel = ''] = place.split('/')
  const item: ModuleDocument = { module, channel, version, archive, size, registry: 'registry.example.io/modules' }
  return { key: place, digest: digestOf({ module, channel, version, archive }), label: version, item }
}

/** Files by name; null: a directory. */
export async function tarOf(files: Readonly<Record<string, string | null>>): Promise<Buffer> {
  const tar = pack()
  for (const [name, text] of Object.entries(files)) {
    if (text === null) tar.entry({ name, type: 'directory' })
    else tar.entry({ name }, text)
  }
  tar.finalize()
  return Buffer.concat(await Readable.from(tar).toArray())
}

export interface DeliveryGround extends AsyncDisposable {
  /** What the source shows. */
  readonly shown: Map<string, Entry<ModuleDocument>>
  /** Puts documents there in place of all others. */
  show(...documents: Entry<ModuleDocument>[]): void
  readonly journal: Journal
  readonly engine: Engine
  hint(): void
  /** Another process on the same ledger. */
  restart(targets: TargetSet<ModuleDocument>): Promise<void>
  pass(allowDeletes?: number): Promise<PassReport>
  /** `module/channel` → state of its delivery. */
  states(target: string): Promise<Record<string, string>>
  targetState(target: string): Promise<string | undefined>
}

export const sync = 'modules'

export async function createDeliveryGround(
  set: TargetSet<ModuleDocument>,
  change: Partial<SyncSpec<ModuleDocument>> = {},
  clock: Clock = systemClock,
): Promise<DeliveryGround> {
  const journal = createMemoryJournal({ clock, tables: engineTables })
  const shown = new Map<string, Entry<ModuleDocument>>()
  let hint = () => {}
  const build = (targetSet: TargetSet<ModuleDocument>) => {
    const spec: SyncSpec<ModuleDocument> = {
      name: sync,
      registry: 'modules',
      schedule: {},
      firstSight: 'overwrite',
      drift: 'repair',
      backoff: { first: 20, most: 200 },
      ...change,
      targets: targetSet,
      source: {
        scopes: [{ scope: root }],
        absence: 'vouched',
        look: () => Promise.resolve({ saw: 'complete', items: [...shown.values()] }),
        async *hints(signal): AsyncGenerator<Hint> {
          while (!signal.aborted) {
            await new Promise<void>((resolve) => {
              hint = resolve
              signal.addEventListener('abort', () => resolve(), { once: true })
            })
            yield { scope: root }
          }
        },
      },
    }
    return createEngine({
      journal,
      specs: [spec as unknown as SyncSpec<never>],
      clock,
      random: () => 0.5,
      logger: silentLogger,
      metrics: createMetrics(),
      draft: (base) => createDraft(base, clock, engineTables),
      holder: 'one',
    })
  }
  let engine = build(set)
  const rows = (target: string) => journal.select(deliveries, { where: { sync, target } })
  return {
    shown,
    show(...documents) {
      shown.clear()
      for (const document of documents) shown.set(document.key, document)
    },
    journal,
    get engine() {
      return engine
    },
    hint: () => hint(),
    async restart(other) {
      await engine.stop(1_000)
      engine = build(other)
    },
    pass: (allowDeletes) => engine.pass(sync, { why: 'asked', ...(allowDeletes !== undefined && { allowDeletes }) }),
    states: async (target) => Object.fromEntries((await rows(target)).map(({ key, state }) => [key, state])),
    targetState: async (target) => (await journal.get(targets, { sync, target }))?.state,
    [Symbol.asyncDispose]: () => engine.stop(1_000),
  }
}

/** Time as it is, and beyond: what waits for hours is due at once when a test says so. */
export function createSkippingClock(): Clock & { skip(ms: Ms): void } {
  let ahead = 0
  return {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    skip(ms) {
      ahead += ms
    },
  }
}

/** Waits until it is so, for no longer than `bound`; then the last look is thrown. */
export async function until(isSo: () => unknown, bound: Ms = 20_000): Promise<void> {
  const began = Date.now()
  for (;;) {
    try {
      if ((await isSo()) !== false) return
      if (Date.now() - began > bound) throw new Error(`not so within ${bound} ms: ${isSo.toString()}`)
    } catch (thrown) {
      if (Date.now() - began > bound) throw thrown
    }
    await systemClock.sleep(10)
  }
}
