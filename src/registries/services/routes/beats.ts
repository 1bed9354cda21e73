/** Heartbeats, one and many, and whether a poller is known. The hot routes of the registry. */
import { z } from 'zod'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { directRoute, type Caller, type DirectReply, type DirectRequest, type Route } from '../../../kernel/route.ts'
import { isAccepted, itemText, replyTo, wireResults } from '../beats/answers.ts'
import { itemsOf, mostBatchBytes, mostItems, parseJson, unreadable } from '../beats/batch.ts'
import type { Beats, BeatOutcome, Heartbeat } from '../beats/beats.ts'
import { decodeHeartbeat } from '../beats/decode.ts'
import { outcomes } from '../beats/outcomes.ts'
import type { KnownCheck } from '../known.ts'
import { longestId, serviceStatuses, serviceTypes, type ServiceType } from '../model.ts'

export interface BeatRouteParts {
  readonly beats: Beats
  readonly known: KnownCheck
  readonly clock: Clock
  /** Reads what is kept in memory from the ledger, once. */
  readonly ready: () => Promise<void>
}

const common = { tag: 'services', within: { services: 'beat', own: true } } as const

const heartbeat = z.object({
  service_type: z.enum(serviceTypes),
  service_id: z.string().max(longestId).optional().meta({ description: 'In place of the id of its type' }),
  poller_id: z
    .string()
    .max(longestId)
    .optional()
    .meta({ description: 'Of a poller its own id, of an agent its parent' }),
  agent_id: z
    .string()
    .max(longestId)
    .optional()
    .meta({ description: 'Of an agent its own id, of a checker its parent' }),
  checker_id: z.string().max(longestId).optional(),
  timestamp: z.iso.datetime({ offset: true }).optional().meta({ description: 'By the clock of the sender' }),
  source_ip: z.string().optional(),
  healthy: z.boolean().optional(),
  boot_id: z.string().optional().meta({ description: 'Another one for each start of the sender' }),
  sequence: z.int().min(0).optional().meta({ description: 'Grows with each heartbeat of one boot_id' }),
  interval: z
    .string()
    .optional()
    .meta({ description: 'Time between two, such as 30s, of one that is not registered yet' }),
  checker_kind: z.string().optional(),
})
const answer = z.object({ result: z.enum(wireResults), detail: z.string().optional() })
const item = answer.extend({
  index: z.int().meta({ description: 'Place in the batch, from 0' }),
  id: z.string().optional(),
  service_type: z.enum(serviceTypes).optional(),
  reason: z.string().optional(),
})

export function beatRoutes(parts: BeatRouteParts): readonly Route[] {
  return [postHeartbeat(parts), postHeartbeats(parts), getKnown(parts)]
}

/** Once it is loaded nothing is awaited any more. */
export function whenReady(
  ready: () => Promise<void>,
  direct: (ask: DirectRequest) => DirectReply | Promise<DirectReply>,
) {
  let loaded = false
  return (ask: DirectRequest): DirectReply | Promise<DirectReply> => {
    if (loaded) return direct(ask)
    return ready().then(() => {
      loaded = true
      return direct(ask)
    })
  }
}

function postHeartbeat({ beats, clock, ready }: BeatRouteParts): Route {
  const takeOne = async (beat: Heartbeat, caller: Caller) => replyTo((await beats.take([beat], caller))[0]!)
  return directRoute({
    ...common,
    method: 'POST',
    path: '/api/services/heartbeat',
    role: 'operator',
    cost: 0.02,
    summary: 'Take a heartbeat of a service',
    rawBody: heartbeat,
    response: answer,
    direct: whenReady(ready, ({ body, caller }) => {
      const beat = decodeHeartbeat(parseJson(body))
      if (typeof beat === 'string') return replyTo(beats.unreadable(beat))
      const outcome = beats.takeNow(beat, caller, clock.now())
      return outcome === null ? takeOne(beat, caller) : replyTo(outcome)
    }),
  })
}

function postHeartbeats({ beats, clock, ready }: BeatRouteParts): Route {
  return directRoute({
    ...common,
    method: 'POST',
    path: '/api/services/heartbeats',
    role: 'operator',
    summary: 'Take many heartbeats, as a list or as NDJSON; told of are those that are not ok',
    rawBody: z.union([z.array(heartbeat).max(mostItems), z.object({ heartbeats: z.array(heartbeat).max(mostItems) })]),
    mostBytes: mostBatchBytes,
    response: z.object({
      accepted: z.int().meta({ description: 'How many are neither refused nor quarantined' }),
      items: z.array(item),
    }),
    direct: whenReady(ready, ({ body, contentType, caller }) => {
      const batch = createBatch()
      const { places, read } = readBatch(itemsOf(body, contentType), beats, batch)
      const taken: (BeatOutcome | null)[] = []
      beats.takeAllNow(read, caller, clock.now(), taken)
      const open: number[] = []
      for (let at = 0; at < taken.length; at += 1) {
        const outcome = taken[at] ?? null
        if (outcome === outcomes.taken) batch.taken()
        else if (outcome === null) open.push(at)
        else batch.add(places[at]!, read[at]!, outcome)
      }
      if (open.length === 0) return batch.reply()
      const openBeats = open.map((at) => read[at]!)
      return beats.take(openBeats, caller).then((results) => {
        for (const [n, outcome] of results.entries()) batch.add(places[open[n]!]!, openBeats[n]!, outcome)
        return batch.reply()
      })
    }),
  })
}

/** Those that can be read, and the place of each in the batch. */
function readBatch(items: readonly unknown[], beats: Beats, batch: Batch) {
  const places: number[] = []
  const read: Heartbeat[] = []
  for (let index = 0; index < items.length; index += 1) {
    const given = items[index]
    const beat = given === unreadable ? 'The line is not JSON.' : decodeHeartbeat(given)
    if (typeof beat === 'string') {
      batch.add(index, refOf(given), beats.unreadable(beat))
      continue
    }
    places.push(index)
    read.push(beat)
  }
  return { places, read }
}

type Batch = ReturnType<typeof createBatch>

function createBatch() {
  let accepted = 0
  const told: { index: number; text: string }[] = []
  return {
    taken() {
      accepted += 1
    },
    add(index: number, ref: { readonly type?: ServiceType; readonly id?: string }, outcome: BeatOutcome) {
      if (isAccepted(outcome)) accepted += 1
      if (outcome !== outcomes.taken) told.push({ index, text: itemText(index, ref, outcome) })
    },
    reply(): DirectReply {
      const items = told.toSorted((a, b) => a.index - b.index).map(({ text }) => text)
      return { status: 200, body: `{"accepted":${accepted},"items":[${items.join(',')}]}` }
    },
  }
}

/** For the answer, of what is no heartbeat. */
function refOf(given: unknown): { readonly type?: ServiceType; readonly id?: string } {
  if (typeof given !== 'object' || given === null) return {}
  const { service_type: type, service_id, poller_id, agent_id, checker_id } = given as Record<string, unknown>
  const known = serviceTypes.find((one) => one === type)
  if (known === undefined) return {}
  const id = { poller: poller_id, agent: agent_id, checker: checker_id }[known] ?? service_id
  return typeof id === 'string' && id.length <= longestId ? { type: known, id } : { type: known }
}

function getKnown({ known, ready }: BeatRouteParts): Route {
  return directRoute({
    ...common,
    method: 'GET',
    path: '/api/services/known/:poller',
    role: 'operator',
    cost: 0.02,
    summary: 'Tell whether a poller may report',
    params: z.object({ poller: z.string().min(1).max(longestId) }),
    response: z.object({
      known: z.boolean(),
      status: z.enum(serviceStatuses).nullable(),
      by: z.enum(['registry', 'list', 'off', 'shadow']).meta({ description: 'What decided; shadow: what would have' }),
    }),
    direct: whenReady(ready, ({ params }) => {
      const { poller } = params
      if (poller === undefined) throw new AppError('request.invalid', 'The path names no poller.')
      return { status: 200, body: knownText(known, poller) }
    }),
  })
}

function knownText(check: KnownCheck, poller: string): string {
  const { known, status, by } = check.explain(poller)
  return `{"known":${known},"status":${status === null ? 'null' : `"${status}"`},"by":"${by}"}`
}
