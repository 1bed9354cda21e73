/**
 * The Registry Modules Watcher of Deckhouse as a command of this program: its flags, variables, ports, lines,
 * metrics and exit codes, on the engine that everything here runs on.
 */
import { randomInt } from 'node:crypto'
import { systemClock, type Clock, type Ms } from '../../kernel/clock.ts'
import { asAppError, messageOf } from '../../kernel/errors.ts'
import { createMetrics } from '../../kernel/metrics.ts'
import type { Random } from '../../kernel/retry.ts'
import { stopOnSignals } from '../../kernel/stop.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { readGoFlags, wrongFlag } from './modules-watcher/go-flags.ts'
import { openBuilders } from './modules-watcher/builders.ts'
import { Fatal } from './modules-watcher/fatal.ts'
import { flags, program, settingsOf, type Address, type Settings } from './modules-watcher/flags.ts'
import { listen, probes, type Listening, type Pages } from './modules-watcher/http.ts'
import { readKnown } from './modules-watcher/known.ts'
import { createLog, type Log } from './modules-watcher/log.ts'
import { createWatcherMetrics } from './modules-watcher/metrics.ts'
import { openRegistries } from './modules-watcher/registries.ts'
import { openSession, sync, type Session } from './modules-watcher/session.ts'
import { statusPage } from './modules-watcher/status.ts'

/** How long what is under way may take to finish after a signal. */
const stopBound: Ms = 5_000

/** Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const terminal = processTerminal()
  const parsed = readGoFlags(program, flags, args)
  if (parsed.is === 'help') {
    terminal.out(parsed.text)
    return 0
  }
  const settings = parsed.is === 'wrong' ? null : settingsOf(parsed.values)
  if (settings === null || typeof settings === 'string') {
    terminal.err(parsed.is === 'wrong' ? parsed.text : wrongFlag(program, flags, settings!))
    return 2
  }
  using stop = stopOnSignals(systemClock)
  const log = createLog(terminal, systemClock)
  try {
    // Awaited: the signals are ours until it is done.
    return await watch({ settings, env: terminal.env, clock: systemClock, random, log, signal: stop.signal })
  } catch (thrown) {
    if (stop.signal.aborted) return 0
    if (thrown instanceof Fatal) log('fatal', thrown.message, thrown.fields)
    else log('fatal', 'cannot go on', { error: asAppError(thrown) })
    return 1
  }
}

const random: Random = () => randomInt(2 ** 32) / 2 ** 32

interface Task {
  readonly settings: Settings
  readonly env: Terminal['env']
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly signal: AbortSignal
}

async function watch(task: Task): Promise<number> {
  const { settings, env, clock, log, signal } = task
  if (settings.registries.length === 0) throw new Fatal('watch-registries is empty')
  const metrics = createMetrics()
  const counted = createWatcherMetrics(metrics, settings.metricsPrefix, clock)
  let session: Session | null = null
  await using stack = new AsyncDisposableStack()
  const status = { answer: () => statusPage(session, settings) }
  // Probes are well before the first scan.
  const open = await door(stack, log.named('http'), settings.listen, { ...probes, '/status': status })
  const text = async () => {
    if (session !== null) counted.known(await readKnown(session.journal, sync, settings.registries))
    return { type: metrics.contentType, text: await metrics.text() }
  }
  const scraped = await door(stack, log.named('http-metrics'), settings.metricsListen, { '/metrics': { answer: text } })
  log('warn', 'ports without access control: whoever reaches them reads versions, hosts and errors', {
    address: [open, scraped],
  })

  const places = await openRegistries({ ...task, observe: counted.request })
  for (const { store } of places) stack.defer(() => store.close())
  const builders = await openBuilders({ ...task, observe: counted.call })
  stack.defer(() => builders.close())
  session = await openSession({
    settings,
    env,
    clock,
    log,
    metrics,
    signal,
    places,
    builders,
    pulled: counted.pulled,
    backends(count, added) {
      counted.backends(count)
      counted.newBackends(added)
    },
  })
  const opened = session
  stack.defer(() => opened.stop(stopBound))
  if (!signal.aborted) {
    await opened.release(settings.allowDeletes)
    opened.engine.start()
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }
  log('info', 'stopping', { signal: signal.reason as string })
  return 0
}

async function door(stack: AsyncDisposableStack, log: Log, at: Address, pages: Pages): Promise<string> {
  let listening: Listening
  try {
    listening = await listen(at, pages)
  } catch (thrown) {
    throw new Fatal('cannot listen', { address: `${at.host ?? ''}:${at.port}`, error: messageOf(thrown) })
  }
  stack.defer(() => listening.close())
  log('info', 'listen', { address: listening.address })
  return listening.address
}
