/**
 * The GitOps Sync Service of chora-base as a command of this program: its flags, streams, lines and
 * exit codes, on the engine that everything here runs on.
 */
import { constants } from 'node:os'
import { systemClock, type Clock, type Ms } from '../../kernel/clock.ts'
import { AppError, asAppError, messageOf } from '../../kernel/errors.ts'
import type { KeyValue } from '../../kernel/key-value.ts'
import { stopOnSignals } from '../../kernel/stop.ts'
import { standardPrefix } from '../../registries/capabilities/drop-in.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { description, options, program, settingsOf, type Settings } from './gitops-sync/arguments.ts'
import { askForHealth, askForPass } from './gitops-sync/ask.ts'
import { openDoor, rulesOf } from './gitops-sync/door.ts'
import { openEtcd } from './gitops-sync/etcd.ts'
import { createTidier } from '../../kernel/memory.ts'
import { insideOf } from './gitops-sync/namespace.ts'
import { createLog, listBlock, statisticsBlock, type Log, type Statistics } from './gitops-sync/output.ts'
import { openSession, statePlace, type Session, type StatePlace } from './gitops-sync/session.ts'
import { readArguments, wrongText } from './gitops-sync/python-arguments.ts'

/** How long what is under way may take to finish after a signal. */
const stopBound: Ms = 900
/** How long a state folder that another one-shot run holds is waited for, and how often it is tried. */
const busyBound: Ms = 10_000
const busyPoll: Ms = 100

/** Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const terminal = processTerminal()
  const syntax = { program, description, options, columns: terminal.columns }
  const parsed = readArguments(syntax, args)
  if (parsed.is === 'help') {
    terminal.out(parsed.text)
    return 0
  }
  const settings = parsed.is === 'wrong' ? null : settingsOf(parsed.values, terminal.env)
  if (settings === null || typeof settings === 'string') {
    terminal.err(parsed.is === 'wrong' ? parsed.text : wrongText(syntax, settings!))
    return 2
  }
  using stop = stopOnSignals(systemClock)
  const log = createLog(terminal, systemClock)
  const place = statePlace(settings, terminal.env)
  // Awaited: the signals are ours until it is done.
  return await perform({ settings, place, terminal, clock: systemClock, log, signal: stop.signal })
}

interface Task {
  readonly settings: Settings
  readonly place: StatePlace
  readonly terminal: Terminal
  readonly clock: Clock
  readonly log: Log
  /** Aborts with the name of the signal that asked us to stop. */
  readonly signal: AbortSignal
}

async function perform(task: Task): Promise<number> {
  const { settings, clock, log, signal } = task
  const store = settings.dryRun && settings.mode !== 'health' ? null : openEtcd(settings.etcd, clock)
  try {
    if (settings.mode === 'health') return await health(store!, task)
    if (store === null) log('INFO', 'DRY-RUN mode: skipping etcd connection')
    else if (!(await connect(store, task))) return signal.aborted ? interrupted(signal) : 1
    if (settings.mode === 'list') return await list(store, task)
    return await (settings.mode === 'watch' ? watch : once)(store, task)
  } finally {
    await store?.close()
  }
}

async function connect(store: KeyValue, { settings, log, signal }: Task): Promise<boolean> {
  try {
    await store.identity(signal)
    log('INFO', `Connected to etcd at ${settings.etcd.address}`)
    return true
  } catch (thrown) {
    if (signal.aborted) return false
    const { code, detail } = asAppError(thrown)
    log('ERROR', `Failed to connect to etcd: ${code === 'target.unavailable' ? 'etcd connection failed' : detail}`)
    log('DEBUG', detail)
    log('ERROR', 'Failed to connect to etcd. Exiting.')
    return false
  }
}

/** As every shell has it. */
function interrupted(signal: AbortSignal): number {
  return 128 + constants.signals[signal.reason as NodeJS.Signals]
}

async function health(store: KeyValue, { terminal, ...task }: Task): Promise<number> {
  const { checkHealth } = await import('./gitops-sync/health.ts')
  const { ok, line } = await checkHealth({ ...task, store })
  terminal[ok ? 'out' : 'err'](`${line}\n`)
  return ok ? 0 : 1
}

async function list(store: KeyValue | null, { settings, terminal, log, signal }: Task): Promise<number> {
  const inside = settings.namespace === null ? () => true : insideOf(settings.namespace)
  let names: string[] = []
  if (store === null) {
    log('INFO', '[DRY-RUN] Would list capabilities from etcd')
  } else {
    try {
      const { pairs } = await store.range({ prefix: standardPrefix, keysOnly: true }, signal)
      const all = new Set(pairs.map(({ key }) => key.split('/')[3]!))
      names = [...all].filter(inside).toSorted((a, b) => (a < b ? -1 : 1))
    } catch (thrown) {
      log('ERROR', `Failed to list capabilities: ${asAppError(thrown).detail}`)
    }
  }
  terminal.out(listBlock(names))
  return 0
}

async function once(store: KeyValue | null, task: Task): Promise<number> {
  const { settings, place, terminal, clock, log, signal } = task
  const ended = ({ ok, statistics }: { readonly ok: boolean; readonly statistics: Statistics }) => {
    terminal.out(statisticsBlock(statistics))
    return ok ? 0 : 1
  }
  const { allowDeletes } = settings
  const wish = { sync: place.sync, rules: rulesOf(settings), allowDeletes, debugs: log.debugs }
  const until = clock.monotonic() + busyBound
  for (;;) {
    // A dry run remembers nothing and needs nobody.
    const asked = store === null ? null : await askForPass(place.folder, wish, log, signal)
    if (signal.aborted) return interrupted(signal)
    if (asked?.is === 'done') return ended(asked)
    if (asked?.is === 'broken') {
      log('ERROR', `Sync stopped: ${asked.why}`)
      return 1
    }
    const patient = clock.monotonic() < until
    const session = await openOnce(store, task, patient ? 'throw' : 'memory')
    if (session !== null) return await passOnce(session, task, ended)
    await clock.sleep(busyPoll, signal)
  }
}

/** null: another process holds the state, and it is worth waiting for. */
async function openOnce(store: KeyValue | null, task: Task, busy: 'throw' | 'memory'): Promise<Session | null> {
  try {
    return await openSession({ ...task, store, busy, passed: () => {} })
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'journal.busy' && !task.signal.aborted) return null
    throw thrown
  }
}

async function passOnce(
  session: Session,
  { settings, log, signal }: Task,
  ended: (outcome: { readonly ok: boolean; readonly statistics: Statistics }) => number,
): Promise<number> {
  const stop = () => void session.stop(stopBound)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return ended(await session.attend({ log, starts: () => {} }).pass(settings.allowDeletes))
  } catch (thrown) {
    if (signal.aborted) return interrupted(signal)
    // Of the state alone: what etcd and the directory have to say is in the report.
    log('ERROR', `Sync stopped: ${asAppError(thrown).message}`)
    return 1
  } finally {
    signal.removeEventListener('abort', stop)
    await session.stop(stopBound)
  }
}

async function watch(store: KeyValue | null, task: Task): Promise<number> {
  const { settings, clock, log, signal } = task
  log('INFO', `Starting watch mode (interval: ${settings.interval}s)`)
  log('INFO', `Watching: ${settings.capabilities}`)
  log('INFO', 'Press Ctrl+C to stop')
  const tidier = createTidier(clock, signal)
  const cycleDone = () => {
    void own
      .settle()
      .then(({ statistics }) => {
        log('INFO', `--- Sync cycle complete. Next sync in ${settings.interval}s ---`)
        return tidier.passed(statistics.synced)
      })
      .catch((thrown: unknown) => log('DEBUG', asAppError(thrown).message))
  }
  const session = await openToWatch(store, task, cycleDone)
  const own = session.attend({ log, starts: () => log('INFO', '--- Sync cycle starting ---') })
  const door = session.lasting ? await openDoor({ ...task.place, settings, session }).catch(cannotListen(log)) : null
  session.start()
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  door?.close()
  await session.stop(stopBound)
  log('INFO', 'Watch mode stopped by user')
  return 0
}

/** A one-shot run that has the state is over soon; another watch is not. */
async function openToWatch(store: KeyValue | null, task: Task, passed: () => void): Promise<Session> {
  const { clock, signal } = task
  const until = clock.monotonic() + busyBound
  for (;;) {
    try {
      const patient = clock.monotonic() < until && !signal.aborted
      return await openSession({ ...task, store, passed, busy: patient ? 'throw' : 'memory' })
    } catch (thrown) {
      if (!(thrown instanceof AppError && thrown.code === 'journal.busy')) throw thrown
      if (await isWatched(task.place.folder)) return await openSession({ ...task, store, passed, busy: 'memory' })
      await clock.sleep(busyPoll, signal)
    }
  }
}

function isWatched(folder: string): Promise<boolean> {
  return askForHealth(folder, busyBound).then(
    (health) => health !== null,
    () => true,
  )
}

function cannotListen(log: Log) {
  return (thrown: unknown): null => {
    log('WARNING', `Runs beside this one keep their state in memory, for none can ask it: ${messageOf(thrown)}`)
    return null
  }
}
