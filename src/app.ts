/**
 * The composition root: config → database → registries → engine → server. Everything that is opened
 * here is closed here, in the opposite order.
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Config } from './config/load.ts'
import { backup } from './database/backup.ts'
import { createDraft } from './database/draft.ts'
import { acquire } from './database/holder.ts'
import { createKeyValue, keyValueTables } from './database/key-value.ts'
import { openDatabase, type Database } from './database/open.ts'
import { createEngine } from './engine/create-engine.ts'
import type { Engine, SyncSpec } from './engine/engine.ts'
import type { Journal } from './engine/journal.ts'
import { engineTables } from './engine/tables.ts'
import type { Clock, Ms } from './kernel/clock.ts'
import { AppError } from './kernel/errors.ts'
import type { Logger } from './kernel/logger.ts'
import { createMetrics } from './kernel/metrics.ts'
import type { Table } from './kernel/table.ts'
import { readVersion } from './kernel/version.ts'
import { createNotifier, notices } from './notify/index.ts'
import { registries } from './registries/index.ts'
import type { Built, Parts } from './registries/registry.ts'
import { createServer, tokens, type Addresses, type Server } from './server/index.ts'

/** For `regista restore`, which works on a state that nobody holds. */
export { restore } from './database/backup.ts'

export interface AppParts {
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  /** Prints the first token, where a terminal is there to print it on. */
  readonly print: ((text: string) => void) | null
}

export interface App {
  readonly request: Server['request']
  /** Schedules begin and the server listens; a one-shot command leaves it out. */
  serve(): Promise<Addresses>
  /** Lets what runs finish within `bound`, then cuts it off; records; lets go of the state. */
  stop(bound?: Ms): Promise<void>
}

/** Less than the 10 s after which container engines kill. */
const stopBound: Ms = 8_000

/** Opens the state and builds everything; nothing runs yet. Throws `journal.busy` while another process holds the state. */
export async function openApp({ config, clock, logger, print }: AppParts): Promise<App> {
  const database = await openState(config, clock, logger)
  const { journal } = database
  const builts: Built[] = []
  const end = async () => {
    await Promise.allSettled(builts.map(async (built) => built.close?.()))
    await database.close()
  }
  try {
    const stopping = new AbortController()
    const metrics = createMetrics()
    const keyValue = createKeyValue({ journal, newId: randomUUID })
    const random = () => randomInt(2 ** 32) / 2 ** 32
    const shared = { clock, logger, metrics, journal, keyValue }
    const parts = {
      ...shared,
      random,
      base: config.base,
      state: config.state,
      retention: config.retention,
      engine: () => engine,
    }
    for await (const built of build(config, parts)) builts.push(built)
    const specs = builts.flatMap(({ syncs }) => syncs)
    refuseSharedNames(config, specs)
    const draft = (base: Journal) => createDraft(base, clock, allTables())
    const engine = naming(config, specs, createEngine({ ...shared, random, specs, draft }))
    const version = readVersion()
    const hooks = specs.flatMap(({ name: sync, registry, notify = [] }) =>
      notify.map((hook) => ({ ...hook, sync, registry })),
    )
    const notifier = createNotifier({ ...shared, random, engine, version, hooks })
    const server = createServer({
      ...shared,
      engine,
      settings: config.server,
      routes: builts.flatMap(({ routes }) => routes),
      identities: builts.flatMap(({ identities = [] }) => identities),
      socket: config.socket,
      backup: (file) => backup(journal, file),
      randomBytes,
      version,
      servesFromMemory: builts.some(({ servesFromMemory }) => servesFromMemory === true),
      bootstrap: { print, file: join(config.state, 'first-token') },
    })
    return {
      request: server.request,
      async serve() {
        await Promise.all(builts.map(async (built) => built.start?.()))
        const addresses = await server.start()
        notifier.start()
        engine.start()
        void dropOldHistory(journal, config.retention.events, clock, logger, stopping.signal)
        return addresses
      },
      async stop(bound = stopBound) {
        stopping.abort()
        // Together: a request may wait for a pass, which only the engine can cut short.
        await Promise.all([server.stop(bound), engine.stop(bound), notifier.stop()])
        await end()
      },
    }
  } catch (thrown) {
    await end()
    throw thrown
  }
}

/** The state folder is held in either case: its socket is how commands find this process. */
async function openState({ database, state }: Config, clock: Clock, logger: Logger) {
  const holding = database === null ? null : acquire(state, clock)
  const place = database === null ? { folder: state } : { url: database }
  try {
    const { journal }: Database = await openDatabase({ place, tables: allTables(), clock, logger })
    return {
      journal,
      async close() {
        await journal.close()
        holding?.release()
      },
    }
  } catch (thrown) {
    holding?.release()
    throw thrown
  }
}

function allTables(): readonly Table[] {
  const own = [...engineTables, ...keyValueTables, tokens, notices] as unknown as readonly Table[]
  return [...own, ...registries.flatMap(({ tables }) => tables)]
}

async function* build(config: Config, parts: Parts): AsyncGenerator<Built> {
  for (const { name, build: make } of registries) {
    if (!config.sections.has(name)) continue
    const where = (path: readonly (string | number)[]) => config.where([name, ...path])
    yield await make(config.sections.get(name), { ...parts, where, logger: parts.logger.child({ registry: name }) })
  }
}

function refuseSharedNames({ where }: Config, specs: readonly SyncSpec<never>[]): void {
  const seen = new Map<string, string>()
  for (const { name, registry } of specs) {
    const place = where([registry, name])
    const other = seen.get(name)
    if (other !== undefined) throw new AppError('config.invalid', `${place}: ${name} is already a sync at ${other}`)
    seen.set(name, place)
  }
}

/** What the config file owns is read-only: the refusal says where it stands. */
function naming({ where }: Config, specs: readonly SyncSpec<never>[], engine: Engine): Engine {
  return {
    ...engine,
    async forget(what, by) {
      try {
        return await engine.forget(what, by)
      } catch (thrown) {
        if (!(thrown instanceof AppError) || thrown.code !== 'config.owned') throw thrown
        const registry = specs.find(({ name }) => name === what.sync)?.registry ?? ''
        const place = where([registry, what.sync])
        throw new AppError('config.owned', `${thrown.detail} (${place})`, { cause: thrown, data: { place } })
      }
    },
  }
}

const retentionEvery: Ms = 3_600_000

async function dropOldHistory(
  journal: Journal,
  kept: Ms,
  clock: Clock,
  logger: Logger,
  stopping: AbortSignal,
): Promise<void> {
  while (!stopping.aborted) {
    try {
      const dropped = await journal.retain(clock.now() - kept)
      if (dropped.events > 0) logger.info(dropped, 'old history dropped')
    } catch (thrown) {
      if (!stopping.aborted) logger.warn({ err: thrown }, 'old history could not be dropped')
    }
    await clock.sleep(retentionEvery, stopping)
  }
}
