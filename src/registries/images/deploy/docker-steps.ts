/**
 * The steps of a deploy, each of which may be the last that a process takes: whoever comes next sees by names and
 * labels (docker-names.ts) how far it went. Nothing of what ran before is removed, and in its place nothing counts
 * that was not healthy.
 */
import type { DockerEngine, EngineContainer, ListedContainer } from '../../../connectors/docker/client.ts'
import { whyOf } from '../../../connectors/docker/errors.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import type { StageKey } from '../model.ts'
import type { DeployRequest, DeployTools } from './deployer.ts'
import type { DockerSettings } from './docker-config.ts'
import { labels, type Names } from './docker-names.ts'
import { pause } from './docker-probe.ts'
import type { Traffic } from './docker-traffic.ts'

/** One call of `deploy`, with all that its steps need. */
export interface Job {
  readonly engine: DockerEngine
  readonly clock: Clock
  readonly settings: DockerSettings
  readonly traffic: Traffic
  readonly names: Names
  readonly request: DeployRequest
  readonly tools: Pick<DeployTools, 'say' | 'fence'> & {
    /** Another replica has it: nothing may be done any more, also not to put things right. */
    readonly lost: () => boolean
  }
}

export function ofStage(engine: DockerEngine, key: StageKey, signal: AbortSignal): Promise<readonly ListedContainer[]> {
  return engine.list({ [labels.stage]: key }, signal)
}

/** What had the name when this one was made; null: nothing, or it is gone. */
export async function replacedBy(job: Job, container: EngineContainer, signal: AbortSignal) {
  const id = container.labels[labels.replaces]
  return id === undefined || id === '' ? null : job.engine.container(id, signal)
}

/** What an aborted deploy left: what was healthy is finished, anything else is taken back. */
export async function settle(job: Job, id: string, signal: AbortSignal): Promise<void> {
  const left = await job.engine.container(id, signal)
  if (left === null) return
  job.tools.say('clearing up after a deploy that was broken off')
  if (job.names.roleOf(left.name) === 'up' && left.running && !left.restarting) await promote(job, left, signal)
  else await restore(job, left, signal)
}

/**
 * Where the process ended while what was in place already was taken back, the one before it runs under its old name.
 * It gets the name.
 */
export async function settleCurrent(job: Job, current: EngineContainer, signal: AbortSignal): Promise<void> {
  if (current.running || current.restarting) return
  const before = await replacedBy(job, current, signal)
  if (before !== null && before.running && job.names.roleOf(before.name) === 'old') await restore(job, current, signal)
}

/** A container that is healthy takes the place, and the name. */
export async function promote(job: Job, green: EngineContainer, signal: AbortSignal): Promise<void> {
  const { clock, settings, names, tools, traffic } = job
  const { stage } = job.request
  const blue = await replacedBy(job, green, signal)
  if (names.roleOf(green.name) === 'new') await rename(job, green.id, names.upOf(green.name), signal)
  tools.say('bringing traffic over')
  await traffic.bring({ stage, to: green, from: blue, back: false, fence: tools.fence }, signal)
  if (blue !== null && (blue.running || blue.restarting)) {
    if (settings.drain > 0) tools.say('letting the old one finish')
    await pause(clock, settings.drain, signal)
    tools.say('stopping the old one')
    await halt(job, blue.id, signal)
  }
  if (blue !== null && names.roleOf(blue.name) !== 'old') await rename(job, blue.id, names.old(blue.id), signal)
  if (green.name !== names.current) await rename(job, green.id, names.current, signal)
}

/** What was not healthy goes, once what ran before it runs again, if it did. `patience`: for it to end by itself. */
export async function restore(
  job: Job,
  green: EngineContainer,
  signal: AbortSignal,
  patience: Ms = job.settings.stop_timeout,
): Promise<void> {
  const { engine, names, tools, traffic } = job
  const { stage } = job.request
  const blue = await replacedBy(job, green, signal)
  const role = names.roleOf(green.name)
  // It may hold the port.
  if (green.begun) await halt(job, green.id, signal, patience)
  if (blue !== null) {
    if (green.labels[labels.replacesRunning] === 'true' && !blue.running && !blue.restarting) {
      tools.say('starting the old one again')
      tools.fence()
      await engine.start(blue.id, signal)
    }
    // Its name tells that it may have had traffic, and goes only after that is back.
    if (role !== 'new') await traffic.bring({ stage, to: blue, from: green, back: true, fence: tools.fence }, signal)
    if (role === 'current') await rename(job, green.id, `${names.current}-new-${green.id.slice(0, 12)}`, signal)
    if (names.roleOf(blue.name) === 'old') await rename(job, blue.id, names.current, signal)
  }
  tools.fence()
  await engine.remove(green.id, signal)
}

async function rename({ engine, tools }: Job, id: string, name: string, signal: AbortSignal): Promise<void> {
  tools.fence()
  await engine.rename(id, name, signal)
}

/** Engines that start a container again at this very moment say of it that it is stopped (Podman 4.3). */
const [haltTries, haltPause]: readonly [number, Ms] = [20, 100]

/** Stops it for good; one that is gone needs no more. */
export async function halt(
  job: Job,
  id: string,
  signal: AbortSignal,
  patience: Ms = job.settings.stop_timeout,
): Promise<void> {
  const { engine, clock, tools } = job
  let before: EngineContainer | null = null
  for (let tries = 0; tries < haltTries; tries += 1) {
    tools.fence()
    const stopped = await stopIfThere(engine, id, patience, signal)
    const now = await engine.container(id, signal)
    if (now === null || (!now.running && !now.restarting && (stopped || now.restartPolicy === 'no'))) return
    if (before !== null && !now.running && !now.restarting && now.restarts === before.restarts) return
    before = now
    await pause(clock, haltPause, signal)
  }
}

async function stopIfThere(engine: DockerEngine, id: string, patience: Ms, signal: AbortSignal): Promise<boolean> {
  try {
    return await engine.stop(id, patience, signal)
  } catch (thrown) {
    if (whyOf(thrown) === 'not-found') return false
    throw thrown
  }
}

/** Of those that ran before only so many are kept. The one that ran last is the last to go. */
export async function tidy(job: Job, green: EngineContainer, signal: AbortSignal): Promise<void> {
  const { engine, names, settings, request, tools } = job
  const last = green.labels[labels.replaces]
  const old = (await ofStage(engine, request.stage.key, signal))
    .filter(({ name, running }) => names.roleOf(name) === 'old' && !running)
    .toSorted((one, other) => Number(other.id === last) - Number(one.id === last) || other.created - one.created)
  for (const { id } of old.slice(settings.keep)) {
    tools.fence()
    await engine.remove(id, signal)
  }
}
