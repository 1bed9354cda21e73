/** Brings the new container up, to where it is healthy and has the place, or takes it back. */
import type { EngineContainer } from '../../../connectors/docker/client.ts'
import type { Ms } from '../../../kernel/clock.ts'
import { createDeadline } from '../../../kernel/deadline.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import type { DeployResult } from './deployer.ts'
import { modeOf } from './docker-config.ts'
import type { Making } from './docker.ts'
import { whyUnhealthy } from './docker-probe.ts'
import { isPassing } from './docker-names.ts'
import { digestOf, referenceOf, specOf } from './docker-spec.ts'
import { halt, ofStage, promote, replacedBy, restore, type Job } from './docker-steps.ts'

type Brought = DeployResult | { readonly is: 'up'; readonly green: EngineContainer }
type Labels = Readonly<Record<string, string>>

/** What is there of this deploy already. Those that ran once and were replaced are none of it. */
export async function greenOf(job: Job, isMine: (labels: Labels) => boolean, signal: AbortSignal) {
  const { engine, names, request } = job
  const found = (await ofStage(engine, request.stage.key, signal)).filter(({ name, labels }) => {
    return isMine(labels) && ['new', 'up', 'current'].includes(names.roleOf(name))
  })
  // One at most: its name is bound to the deploy.
  return found[0] === undefined ? null : engine.container(found[0].id, signal)
}

export async function bring(
  job: Job,
  making: Making,
  there: EngineContainer | null,
  signal: AbortSignal,
): Promise<Brought> {
  const { settings, engine } = job
  let green = there
  if (green === null) {
    const refused = (await pull(job, signal)) ?? (await create(job, making, signal))
    if (refused !== null) return refused
    green = await engine.container(job.names.fresh, signal)
    if (green === null) throw new AppError('target.conflict', 'somebody removed the container that was just made')
  }
  try {
    const why = (await start(job, green, signal)) ?? (await probe(job, making, green.id, signal))
    if (why !== null) return await rollBack(job, making, green, why, signal)
  } catch (thrown) {
    if (modeOf(settings) === 'fixed-port' && job.names.roleOf(green.name) === 'new') await comeBack(job, green)
    throw thrown
  }
  await promote(job, (await engine.container(green.id, signal)) ?? green, signal)
  return { is: 'up', green }
}

async function rollBack(
  job: Job,
  { redact }: Making,
  green: EngineContainer,
  why: string,
  signal: AbortSignal,
): Promise<DeployResult> {
  const said = await lastWords(job, green.id, signal)
  // Also where somebody removed it: what ran before it is to run again.
  await restore(job, (await job.engine.container(green.id, signal)) ?? green, signal)
  return { is: 'rolled-back', why: redact(`${why}${said}`) }
}

/** null: it is there. What another try could bring rejects. */
async function pull({ engine, request, settings, tools }: Job, signal: AbortSignal): Promise<DeployResult | null> {
  const reference = referenceOf(request)
  // Of a digest there is no newer one.
  if ((await engine.image(reference, signal)) !== null) return null
  const { stage, release, credential } = request
  const { os, architecture, variant } = stage.platform ?? {}
  const platform = stage.platform && [os, architecture, variant].filter(Boolean).join('/')
  tools.say('pulling')
  tools.fence()
  try {
    const ask = { repository: release.repository, digest: digestOf(release.digest), platform, credential }
    const progress = (done: number, of: number) => tools.say(`pulling (${done} of ${of} layers)`)
    await engine.pull({ ...ask, timeout: settings.pull_timeout }, progress, signal)
  } catch (thrown) {
    const error = asAppError(thrown)
    if (error.code !== 'target.refused' || error.data['why'] !== 'not-found') throw error
    return { is: 'refused', why: error.detail, until: 'item' }
  }
  if ((await engine.image(reference, signal)) !== null) return null
  throw new AppError('target.unavailable', `${reference} was pulled, and is not there`, { data: { effect: 'none' } })
}

async function create(job: Job, making: Making, signal: AbortSignal): Promise<DeployResult | null> {
  const { engine, names, settings, request, tools } = job
  const blue = await whatRuns(job, signal)
  tools.fence()
  try {
    await engine.create(names.fresh, specOf(settings.container, request, making.config, blue), signal)
  } catch (thrown) {
    const error = asAppError(thrown)
    // Settings that no engine takes.
    if (error.data['status'] !== 400) throw error
    return { is: 'refused', why: making.redact(error.detail), until: 'target' }
  }
  return null
}

/** Who has the name, or had the one that was configured before. */
async function whatRuns({ engine, names, request }: Job, signal: AbortSignal): Promise<EngineContainer | null> {
  const current = await engine.container(names.current, signal)
  if (current !== null) return current
  const ours = await ofStage(engine, request.stage.key, signal)
  const other = ours.find(({ name, running }) => running && !isPassing(name))
  return other === undefined ? null : engine.container(other.id, signal)
}

/** null: it has been started. Else why the engine cannot. */
async function start(job: Job, green: EngineContainer, signal: AbortSignal): Promise<string | null> {
  const { engine, settings, tools } = job
  if (green.running || green.restarting) return null
  for (const network of settings.container.networks) {
    if (network in green.networks) continue
    tools.fence()
    await engine.connect(network, green.id, [], signal)
  }
  if (modeOf(settings) === 'fixed-port') {
    const blue = await replacedBy(job, green, signal)
    if (blue !== null && (blue.running || blue.restarting)) {
      tools.say('stopping the old one')
      await halt(job, blue.id, signal)
    }
  }
  tools.say('starting')
  tools.fence()
  try {
    await engine.start(green.id, signal)
    return null
  } catch (thrown) {
    const error = asAppError(thrown)
    // The engine has answered that it cannot: a port that is taken, a program that is not in the image.
    if (typeof error.data['status'] !== 'number' || error.data['why'] === 'not-found') throw error
    return `it could not be started: ${error.detail.slice(error.detail.indexOf('/start: ') + 8)}`
  }
}

function probe({ engine, clock, settings, tools }: Job, { http }: Making, id: string, signal: AbortSignal) {
  return whyUnhealthy({ engine, clock, http }, id, settings.probe, (step) => tools.say(step), signal)
}

/** Lines and characters of what it wrote that are told. */
const [mostLines, mostSaid] = [20, 2000]

async function lastWords({ engine }: Job, id: string, signal: AbortSignal): Promise<string> {
  // Why it is taken back is known; that its last words are not must not keep it from being taken back.
  const said = await engine.logs(id, mostLines, signal).catch(() => '')
  const lines = said.trim()
  return lines === '' ? '' : `; it wrote last:\n${lines.slice(-mostSaid)}`
}

/** Who stops us does not wait for long; and what never had traffic has little to finish. */
const [comeBackBound, shortPatience]: readonly [Ms, Ms] = [15_000, 1000]

/**
 * The old one was stopped, and whether the new one is healthy will not be known in this call: the old one runs again
 * meanwhile. As good as can be; what is not done is done by who goes on with the deploy.
 */
async function comeBack(job: Job, made: EngineContainer): Promise<void> {
  if (job.tools.lost()) return
  const deadline = createDeadline(job.clock, comeBackBound, undefined, 'starting the old container again')
  try {
    const green = (await deadline.within(job.engine.container(made.id, deadline.signal))) ?? made
    const patience = Math.min(job.settings.stop_timeout, shortPatience)
    await deadline.within(restore(job, green, deadline.signal, patience))
  } catch {
    // The reason that counts is the one that brought us here.
  } finally {
    deadline.end()
  }
}
