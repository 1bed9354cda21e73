/** Whether a container that was started is healthy: so often in a row, and without having been started again in between. */
import { connect } from 'node:net'
import type { DockerEngine, EngineContainer } from '../../../connectors/docker/client.ts'
import { HttpFailure, type Http } from '../../../connectors/http/client.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { createDeadline } from '../../../kernel/deadline.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import { AppError, messageOf } from '../../../kernel/errors.ts'
import type { ProbeSettings } from './docker-config.ts'

export interface ProbeParts {
  readonly engine: Pick<DockerEngine, 'container' | 'exec'>
  readonly clock: Clock
  readonly http: Pick<Http, 'request'>
}

/** Started again so often it is not going to be well. */
const mostRestarts = 3

/** null: it is healthy. Else why it is not, for a person. Rejects where that could not be found out. */
export async function whyUnhealthy(
  parts: ProbeParts,
  id: string,
  probe: ProbeSettings,
  say: (step: string) => void,
  signal: AbortSignal,
): Promise<string | null> {
  const { engine, clock } = parts
  const until = clock.monotonic() + probe.within
  const watch = createWatch()
  let successes = 0
  await pause(clock, probe.start_delay, signal)
  for (;;) {
    const seen = await engine.container(id, signal)
    const fate = watch(seen)
    if (fate.is === 'dead') return fate.why
    if (fate.is === 'looping') return `${await nextEnd(parts, id, signal)}; it was started again ${fate.times} times`
    if (fate.is === 'restarted') successes = 0
    if (successes >= probe.successes) return null
    const wrong = fate.is === 'up' ? await check(parts, seen!, probe, signal) : fate.why
    if (typeof wrong === 'object' && wrong !== null) return wrong.hopeless
    successes = wrong === null ? successes + 1 : 0
    if (wrong === null) say(`probing (${successes} of ${probe.successes})`)
    else if (clock.monotonic() >= until) return `it was not healthy within ${formatDuration(probe.within)}: ${wrong}`
    else say(`probing: ${wrong}`)
    // Once more, to see that it has not been started again since it answered.
    await pause(clock, successes >= probe.successes ? 0 : probe.interval, signal)
  }
}

type Fate =
  | { readonly is: 'up' }
  /** It is being started again, or was. */
  | { readonly is: 'restarted'; readonly why: string }
  | { readonly is: 'dead'; readonly why: string }
  | { readonly is: 'looping'; readonly times: number }

function createWatch(): (now: EngineContainer | null) => Fate {
  let before: EngineContainer | null = null
  return (now) => {
    const last = before
    before = now
    if (now === null) return { is: 'dead', why: 'somebody removed it' }
    if (now.error !== '' && !now.running) return { is: 'dead', why: `it could not be started: ${tail(now.error)}` }
    const ended = endOf(now)
    if (now.restarts > mostRestarts) return { is: 'looping', times: now.restarts }
    const same = last !== null && last.restarts === now.restarts && last.startedAt === now.startedAt
    if (now.restarting) return { is: 'restarted', why: ended }
    if (!now.running) {
      // Podman says of one that it is about to start again what Docker says of one that stays as it is.
      const stays = now.restartPolicy === 'no' || (same && !last.running)
      return { is: stays ? 'dead' : 'restarted', why: ended }
    }
    if (now.paused) return { is: 'restarted', why: 'it is paused' }
    if (last !== null && !same) return { is: 'restarted', why: 'it ended, and was started again' }
    return { is: 'up' }
  }
}

function endOf({ exitCode, killedForMemory }: EngineContainer): string {
  return `it ended with exit code ${exitCode}${killedForMemory ? ', for it took too much memory' : ''}`
}

/** How long is waited for one that ends all the time to do so once more, and how often it is looked at meanwhile. */
const [nextEndBound, nextEndEvery]: readonly [Ms, Ms] = [5000, 20]

/** One that was started again says 0 of how it ended. */
async function nextEnd({ engine, clock }: ProbeParts, id: string, signal: AbortSignal): Promise<string> {
  for (const until = clock.monotonic() + nextEndBound; clock.monotonic() < until;) {
    const now = await engine.container(id, signal)
    if (now === null) break
    if (!now.running || now.restarting) return endOf(now)
    await pause(clock, nextEndEvery, signal)
  }
  return 'it ended'
}

/** All that is asked for has to be well. null: it is; `hopeless`: there is nothing to wait for. */
async function check(
  { engine, clock, http }: ProbeParts,
  container: EngineContainer,
  probe: ProbeSettings,
  signal: AbortSignal,
): Promise<string | { readonly hopeless: string } | null> {
  if (probe.health) {
    if (container.health === 'unhealthy') return { hopeless: `its health check failed: ${tail(container.healthSaid)}` }
    if (container.health === 'none') return { hopeless: 'its image has no HEALTHCHECK, for which probe.health waits' }
    if (container.health === 'starting') return 'its health check has not passed yet'
  }
  const address = Object.values(container.networks).find((network) => network.address !== '')?.address ?? '127.0.0.1'
  const checks = [
    probe.tcp && (() => connected(clock, { host: address, ...probe.tcp! }, probe.timeout, signal)),
    probe.http && (() => answered(http, { host: address, ...probe.http! }, probe.timeout, signal)),
    probe.exec && (() => ran(engine, container.id, probe.exec!, probe.timeout, signal)),
  ]
  for (const one of checks) {
    const wrong = one === undefined ? null : await one()
    if (wrong !== null) return wrong
  }
  return null
}

type Place<T> = { [K in keyof T]: T[K] } & { readonly host?: string | undefined }

async function connected(
  clock: Clock,
  { host, port }: Place<NonNullable<ProbeSettings['tcp']>>,
  timeout: Ms,
  signal: AbortSignal,
): Promise<string | null> {
  const deadline = createDeadline(clock, timeout, signal, `port ${port}`)
  const socket = connect({ host: host ?? '127.0.0.1', port })
  try {
    await deadline.within(
      new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('error', reject)
      }),
    )
    return null
  } catch (thrown) {
    signal.throwIfAborted()
    const code = (thrown as { code?: unknown }).code
    return `port ${port}: ${typeof code === 'string' ? code : messageOf(thrown)}`
  } finally {
    deadline.end()
    socket.destroy()
  }
}

async function answered(
  http: Pick<Http, 'request'>,
  { host, port, path, status }: Place<NonNullable<ProbeSettings['http']>>,
  timeout: Ms,
  signal: AbortSignal,
): Promise<string | null> {
  const place = host !== undefined && host.includes(':') ? `[${host}]` : (host ?? '127.0.0.1')
  try {
    const answer = await http.request({ method: 'GET', origin: `http://${place}:${port}`, path, timeout }, signal)
    answer.dump()
    const well = status === undefined ? answer.status >= 200 && answer.status < 400 : answer.status === status
    return well ? null : `HTTP ${answer.status}`
  } catch (thrown) {
    if (thrown instanceof HttpFailure) return `port ${port}: ${thrown.message}`
    throw thrown
  }
}

async function ran(
  engine: ProbeParts['engine'],
  id: string,
  argv: readonly string[],
  timeout: Ms,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const { code, output } = await engine.exec(id, argv, timeout, signal)
    return code === 0 ? null : `${argv[0]} ended with ${code}: ${tail(output)}`
  } catch (thrown) {
    // It ended meanwhile, or the command takes too long: the next look says more.
    const why = thrown instanceof AppError ? thrown.data['why'] : null
    if (why === 'conflict' || why === 'timed-out' || why === 'not-found') return (thrown as AppError).detail
    throw thrown
  }
}

const tail = (text: string) => text.trim().slice(-200)

/** Rejects when aborted. */
export async function pause(clock: Clock, ms: Ms, signal: AbortSignal): Promise<void> {
  if (ms > 0) await clock.sleep(ms, signal)
  if (signal.aborted) throw new AppError('aborted', 'a deploy', { cause: signal.reason })
}
