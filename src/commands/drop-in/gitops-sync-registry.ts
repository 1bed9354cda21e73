/**
 * The GitOps Sync Service of chora-base as a command of this program: its flags, streams, lines and
 * exit codes, on the engine that everything here runs on.
 */
import { constants } from 'node:os'
import { systemClock, type Clock, type Ms } from '../../kernel/clock.ts'
import { asAppError } from '../../kernel/errors.ts'
import type { KeyValue } from '../../kernel/key-value.ts'
import { stopOnSignals } from '../../kernel/stop.ts'
import { createEtcd, standardPrefix } from '../../registries/capabilities/drop-in.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { description, options, program, settingsOf, type Settings } from './gitops-sync-arguments.ts'
import { createLog, listBlock, statisticsBlock, type Log } from './gitops-sync-output.ts'
import { openSession, type Session } from './gitops-sync-session.ts'
import { readArguments, wrongText } from './python-arguments.ts'

/** How long what is under way may take to finish after a signal. */
const stopBound: Ms = 900

/** Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const terminal = processTerminal()
  const syntax = { program, description, options, columns: terminal.columns }
  const parsed = readArguments(syntax, args)
  if (parsed.is === 'help') {
    terminal.out(parsed.text)
    return 0
  }
  const settings = parsed.is === 'wrong' ? null : settingsOf(parsed.values)
  if (settings === null || typeof settings === 'string') {
    terminal.err(parsed.is === 'wrong' ? parsed.text : wrongText(syntax, settings!))
    return 2
  }
  using stop = stopOnSignals(systemClock)
  const log = createLog(terminal, systemClock)
  // Awaited: the signals are ours until it is done.
  return await perform({ settings, terminal, clock: systemClock, log, signal: stop.signal })
}

interface Task {
  readonly settings: Settings
  readonly terminal: Terminal
  readonly clock: Clock
  readonly log: Log
  /** Aborts with the name of the signal that asked us to stop. */
  readonly signal: AbortSignal
}

async function perform(task: Task): Promise<number> {
  const { settings, log, signal } = task
  const address = `${settings.host}:${settings.port}`
  const store = settings.dryRun ? null : openStore(task)
  try {
    if (store === null) log('INFO', 'DRY-RUN mode: skipping etcd connection')
    else if (!(await connect(store, address, task))) return signal.aborted ? interrupted(signal) : 1
    if (settings.mode === 'list') return await list(store, task)
    return await (settings.mode === 'watch' ? watch : once)(store, address, task)
  } finally {
    await store?.close()
  }
}

function openStore({ settings: { host, port }, clock }: Task): KeyValue {
  const named = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return createEtcd({ endpoints: [`http://${named}:${port}`], clock })
}

async function connect(store: KeyValue, address: string, { log, signal }: Task): Promise<boolean> {
  try {
    await store.identity(signal)
    log('INFO', `Connected to etcd at ${address}`)
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

async function list(store: KeyValue | null, { terminal, log, signal }: Task): Promise<number> {
  let names: string[] = []
  if (store === null) {
    log('INFO', '[DRY-RUN] Would list capabilities from etcd')
  } else {
    try {
      const { pairs } = await store.range({ prefix: standardPrefix, keysOnly: true }, signal)
      names = [...new Set(pairs.map(({ key }) => key.split('/')[3]!))].toSorted((a, b) => (a < b ? -1 : 1))
    } catch (thrown) {
      log('ERROR', `Failed to list capabilities: ${asAppError(thrown).detail}`)
    }
  }
  terminal.out(listBlock(names))
  return 0
}

async function once(store: KeyValue | null, address: string, task: Task): Promise<number> {
  const { terminal, log, signal } = task
  const ignore = () => {}
  const session = await openSession({ ...task, store, address, starts: ignore, passed: ignore })
  const stop = () => void session.stop(stopBound)
  signal.addEventListener('abort', stop, { once: true })
  try {
    const { ok, statistics } = await session.pass()
    terminal.out(statisticsBlock(statistics))
    return ok ? 0 : 1
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

async function watch(store: KeyValue | null, address: string, task: Task): Promise<number> {
  const { settings, log, signal } = task
  log('INFO', `Starting watch mode (interval: ${settings.interval}s)`)
  log('INFO', `Watching: ${settings.capabilities}`)
  log('INFO', 'Press Ctrl+C to stop')
  const cycleDone = () => {
    void session
      .settle()
      .then(() => log('INFO', `--- Sync cycle complete. Next sync in ${settings.interval}s ---`))
      .catch((thrown: unknown) => log('DEBUG', asAppError(thrown).message))
  }
  const starts = () => log('INFO', '--- Sync cycle starting ---')
  const session: Session = await openSession({ ...task, store, address, starts, passed: cycleDone })
  session.engine.start()
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  await session.stop(stopBound)
  log('INFO', 'Watch mode stopped by user')
  return 0
}
