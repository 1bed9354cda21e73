/** One step of a rollout: set the image, look how far it is, set the image of before again. */
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import { whyOf } from '../../../connectors/kubernetes/errors.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { AppError, messageOf } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { DeployRequest, DeployResult, DeployTools } from './deployer.ts'
import { deleteStuck, troublesOf } from './kubernetes-pods.ts'
import { imageOf, mark, markOf, noted, noteOf, notesOf, readNote, runningOf, type Note } from './kubernetes-record.ts'
import { barOf, rolloutOf, type Rollout } from './kubernetes-rollout.ts'
import { containerOf, type Chosen, type Place, type WorkloadObject } from './kubernetes-workload.ts'

export interface Step {
  readonly kubernetes: Kubernetes
  readonly place: Place
  readonly object: WorkloadObject
  readonly request: DeployRequest
  readonly tools: DeployTools
}

export interface Stepper {
  /** Rejects with the connector's errors; of `conflict` with the object read anew it may be called again. */
  step(step: Step, signal: AbortSignal): Promise<DeployResult>
  /** The cluster did not do what was asked while a rollout goes on: waits for it, within bounds. null: no use. */
  unanswered(
    place: Place,
    request: DeployRequest,
    tools: DeployTools,
    thrown: unknown,
    signal: AbortSignal,
  ): DeployResult | null
}

/** How soon a rollout is looked at again: by the time without progress. */
const paces: readonly { readonly until: Ms; readonly again: Ms }[] = [
  { until: 10_000, again: 1000 },
  { until: 60_000, again: 2000 },
]
const slowest: Ms = 5000
/** Only then its pods are asked what is the matter, and its controller is believed to have given up. */
const patience: Ms = 10_000

/** What is known in this process of the rollout at one place: another process gives it its time anew. */
interface Progress {
  readonly of: string
  best: number
  at: Instant
  answeredAt: Instant
}

export function createStepper({ clock, timeout }: { readonly clock: Clock; readonly timeout: Ms }): Stepper {
  const known = new Map<string, Progress>()
  const keyOf = (place: Place, container: string | null) => `${place.path} ${container ?? ''}`

  function progressOf(place: Place, of: string): Progress {
    const key = keyOf(place, place.container)
    const last = known.get(key)
    if (last?.of === of) return last
    const now = clock.now()
    const fresh = { of, best: Number.NEGATIVE_INFINITY, at: now, answeredAt: now }
    known.set(key, fresh)
    return fresh
  }

  async function begin(step: Step, container: Chosen, signal: AbortSignal): Promise<DeployResult> {
    const { place, object, request, tools } = step
    const bar = barOf(place.kind, object)
    if (bar !== null) throw new AppError('target.refused', `${place.called}: ${bar}`, { data: { effect: 'none' } })
    const { release, effectId, stage } = request
    const image = imageOf(release)
    // Of a version that is wanted once more the image is the same: another mark makes new pods.
    const wanted = release.revision === release.digest ? markOf(object) : release.revision
    const changes = image !== container.image || wanted !== markOf(object)
    const { tag, digest, revision } = release
    const note: Note = {
      id: effectId,
      stage: stage.key,
      image,
      tag,
      digest,
      revision,
      state: 'rolling',
      previous: changes ? runningOf(place.kind, object, container) : null,
    }
    tools.say(`setting the image of ${place.called}`)
    await write(step, container, note, { image, mark: wanted }, signal)
    progressOf(place, `${effectId} rolling`)
    return pending(note, 1000, `the image of ${place.called} is set`)
  }

  async function follow(step: Step, container: Chosen, note: Note, signal: AbortSignal): Promise<DeployResult> {
    const { kubernetes, place, object, tools, request } = step
    if (container.image !== note.image) {
      const why = `somebody set the image of ${place.called} to ${container.image} while it was rolled out`
      return end(place, { is: 'refused', why, until: 'item' })
    }
    const rollout = rolloutOf(place.kind, object)
    if (rollout.is === 'done') {
      await write(step, container, { ...note, state: 'done' }, null, signal)
      return end(place, deployed(place, object, rollout.detail))
    }
    const { still, late } = waited(progressOf(place, `${request.effectId} rolling`), rollout)
    const trouble = late || still >= patience ? await troublesOf(kubernetes, place, object, signal) : null
    if (!late) {
      const told = rollout.is === 'going' ? rollout.detail : rollout.why
      const detail = trouble === null ? told : `${told}; ${trouble}`
      tools.say(`rolling out: ${detail}`)
      return pending(note, paceOf(still), detail)
    }
    const what = rollout.is === 'stuck' ? rollout.why : `no progress for ${timeout / 1000} s: ${rollout.detail}`
    return goBack(step, container, note, trouble === null ? what : `${what}; ${trouble}`, signal)
  }

  async function goBack(
    step: Step,
    container: Chosen,
    note: Note,
    why: string,
    signal: AbortSignal,
  ): Promise<DeployResult> {
    const { place, tools, request } = step
    const { previous } = note
    if (previous === null) {
      const told = `${why}; the image was there before, so there is none to go back to`
      await write(step, container, { ...note, state: 'back', why: told }, null, signal)
      return end(place, { is: 'refused', why: told, until: 'item' })
    }
    const back: Note = { ...note, state: 'going-back', why }
    tools.say(`going back: ${why}`)
    await write(step, container, back, previous, signal)
    progressOf(place, `${request.effectId} going-back`)
    return pending(back, 1000, `going back: ${why}`)
  }

  async function followBack(step: Step, container: Chosen, note: Note, signal: AbortSignal): Promise<DeployResult> {
    const { kubernetes, place, object, tools, request } = step
    const { why = 'it did not come up' } = note
    if (container.image !== note.previous?.image) {
      return end(place, { is: 'rolled-back', why: `${why}; then somebody set ${container.image}` })
    }
    const rollout = rolloutOf(place.kind, object)
    const { still, late } = waited(progressOf(place, `${request.effectId} going-back`), rollout)
    if (rollout.is !== 'done' && !late) {
      const told = rollout.is === 'going' ? rollout.detail : rollout.why
      const stuck = rollout.is === 'going' && place.kind === 'StatefulSet' && Number.isFinite(rollout.progress)
      if (stuck) await unstick(step, signal)
      tools.say(`going back: ${told}`)
      return pending(note, paceOf(still), `going back: ${why}`)
    }
    const trouble = rollout.is === 'done' ? null : await troublesOf(kubernetes, place, object, signal)
    const rest = rollout.is === 'done' ? '' : `; ${note.previous.image} is set again, and does not come up either`
    const told = `${why}${rest}${trouble === null ? '' : `: ${trouble}`}`
    await write(step, container, { ...note, state: 'back', why: told }, null, signal)
    return end(place, { is: 'rolled-back', why: told })
  }

  async function unstick({ kubernetes, place, object, tools }: Step, signal: AbortSignal): Promise<void> {
    try {
      const deleted = await deleteStuck(kubernetes, place, object, tools.fence, signal)
      if (deleted > 0) tools.say(`deleted ${deleted} pods that would never have become ready`)
    } catch (thrown) {
      if (whyOf(thrown) !== 'forbidden') throw thrown
      tools.say(`pods that never become ready stand in the way, and may not be deleted in namespace ${place.namespace}`)
    }
  }

  /**
   * How long there has been no progress, and whether that is too long. That its controller gave up may for a moment be
   * said of the rollout of before, where there were pods of this version already.
   */
  function waited(progress: Progress, rollout: Rollout): { readonly still: Ms; readonly late: boolean } {
    const now = clock.now()
    const made = rollout.is === 'going' ? rollout.progress : Number.NEGATIVE_INFINITY
    if (made > progress.best) {
      // The first sight of it is no progress.
      if (progress.best !== Number.NEGATIVE_INFINITY) progress.at = now
      progress.best = made
    }
    const still = now - progress.at
    return { still, late: still >= (rollout.is === 'stuck' ? patience : timeout) }
  }

  function end(place: Place, result: DeployResult): DeployResult {
    known.delete(keyOf(place, place.container))
    return result
  }

  return {
    async step(step, signal) {
      const { object, place, request, tools } = step
      const container = containerOf(object, place)
      const note = ownNote(object, container, request.effectId, tools.handle)
      const last = known.get(keyOf(place, place.container))
      if (last !== undefined) last.answeredAt = clock.now()
      if (note === null) return begin(step, container, signal)
      if (note.state === 'rolling') return follow(step, container, note, signal)
      if (note.state === 'going-back') return followBack(step, container, note, signal)
      if (note.state === 'done') return end(place, deployed(place, object))
      const { why = 'it did not come up', previous } = note
      return end(place, previous === null ? { is: 'refused', why, until: 'item' } : { is: 'rolled-back', why })
    },
    unanswered(place, request, tools, thrown, signal) {
      const note = readNote(tools.handle)
      const lasting = thrown instanceof AppError && ['target.refused', 'journal.fenced'].includes(thrown.code)
      if (note === null || lasting || !(thrown instanceof AppError) || signal.aborted) return null
      const { answeredAt } = progressOf(place, `${request.effectId} ${note.state}`)
      if (clock.now() - answeredAt > timeout) return null
      return pending(note, slowest, `the cluster does not answer: ${messageOf(thrown)}`)
    },
  }
}

/** Of this deploy: beside the image, or as the ledger has it where somebody took the annotation away. */
function ownNote(object: WorkloadObject, container: Chosen, id: string, handle: unknown): Note | null {
  const there = noteOf(object, container.name)
  if (there?.id === id) return there
  const kept = readNote(handle)
  return kept?.id === id ? kept : null
}

function deployed({ called }: Place, { metadata }: WorkloadObject, detail?: string): DeployResult {
  const ref = `${called}, generation ${metadata.generation ?? 0}`
  return { is: 'deployed', ref, ...(detail !== undefined && { detail }) }
}

function pending(note: Note, again: Ms, detail: string): DeployResult {
  return { is: 'pending', handle: note as unknown as Json, again, detail }
}

const paceOf = (still: Ms) => paces.find(({ until }) => still < until)?.again ?? slowest

/** `template`: null leaves the pods as they are. Only over what was read: another change meanwhile is a conflict. */
async function write(
  { kubernetes, place, object, tools }: Step,
  { name, list }: Chosen,
  note: Note,
  template: { readonly image: string; readonly mark: string | null } | null,
  signal: AbortSignal,
): Promise<void> {
  const annotations = { [noted]: JSON.stringify({ ...notesOf(object), [name]: note }) }
  const { resourceVersion } = object.metadata
  const marked = template !== null && template.mark !== markOf(object)
  const spec = template && {
    template: {
      ...(marked && { metadata: { annotations: { [mark]: template.mark } } }),
      spec: { [list]: [{ name, image: template.image }] },
    },
  }
  tools.fence()
  await kubernetes.patchLists(place.path, { metadata: { resourceVersion, annotations }, ...(spec && { spec }) }, signal)
}
