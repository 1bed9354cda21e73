/**
 * What machinery-status-collector answers to its own five requests, byte for byte: for the drop-in, and for `serve`
 * where it takes them. Texts and decoding as observed of the original; lists are sorted, where it has them at random.
 */
import type { Clock, Instant } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { decodePost } from '../statuses/decode.ts'
import type { Statuses } from '../statuses/statuses.ts'
import type { Verdict } from '../statuses/judge.ts'
import type { Held } from '../statuses/held.ts'
import { toldOf, type Told } from '../statuses/told.ts'

export interface Answer {
  readonly status: number
  /** Names as Go writes them. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** The same, where it is ASCII. */
  readonly text?: string
}

/** Who speaks, and of which clusters it may. */
export interface Speaker {
  readonly name: string
  /** null: all. */
  readonly cluster: string | null
}

const json = { 'Content-Type': 'application/json' } as const
const plain = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' } as const

/** As Go's `http.Error`: plain text, whatever is in it. */
export function errorAnswer(status: number, text: string): Answer {
  return { status, headers: plain, body: Buffer.from(`${text}\n`) }
}

const invalid = errorAnswer(400, '{"error":"invalid JSON"}')
const required = errorAnswer(400, '{"error":"cluster, claimRef, and statusMessage are required"}')
const createdText = '{"status":"created"}\n'
const created: Answer = { status: 201, headers: json, body: Buffer.from(createdText), text: createdText }
/** Whoever says more than three fields is told more, too. */
const createdAs = new Map(
  (['created', 'updated', 'unchanged', 'older'] as const).map((result): [string, Answer] => [
    result,
    { ...created, headers: { ...json, 'Regista-Result': result } },
  ]),
)

/** What has to be said of a status that was not taken; null: it was. */
export function refusalOf({ result, refusal }: Verdict): AppError | null {
  if (refusal === undefined) return null
  return new AppError(refusal === 'too-long' ? 'request.too-large' : 'request.too-many', `${result.detail}.`)
}

export interface OriginalParts {
  readonly statuses: Statuses
  readonly clock: Clock
}

/** POST /api/v1/status. Throws AppError for what the original would not refuse. */
export async function answerPost({ statuses, clock }: OriginalParts, bytes: Uint8Array, by: Speaker): Promise<Answer> {
  const fields = decodePost(bytes)
  if (fields === null) return invalid
  if (fields.cluster === '' || fields.claimRef === '' || fields.statusMessage === '') return required
  const told = toldOf(fields)
  refuseOthers(by, told)
  const [verdict] = await statuses.tell([told], by.name, clock.now())
  const refused = refusalOf(verdict!)
  if (refused !== null) throw refused
  return fields.others === null ? created : createdAs.get(verdict!.result.status)!
}

function refuseOthers({ cluster }: Speaker, told: Pick<Told, 'cluster'>): void {
  if (cluster === null || cluster === told.cluster) return
  throw new AppError('request.forbidden', 'The credential may tell of another cluster only.')
}

/** GET /api/v1/status and /api/v1/status/{cluster}; an unknown cluster has nothing. */
export function createListAnswers(statuses: Statuses): (cluster: string | null) => Promise<Answer> {
  let whole: { readonly version: number; readonly answer: Answer } | null = null
  return async (name) => {
    const clusters = await statuses.clusters()
    if (name !== null) {
      const one = clusters.get(name)
      return listAnswer(one === undefined ? [] : liveOf([one]))
    }
    const version = statuses.version()
    if (whole?.version !== version) whole = { version, answer: listAnswer(liveOf(clusters.values())) }
    return whole.answer
  }
}

type Cluster = { readonly plain: ReadonlyMap<string, Held>; readonly objects: ReadonlyMap<string, Held> }

export function liveOf(clusters: Iterable<Cluster>): Held[] {
  const found: Held[] = []
  for (const { plain: one, objects } of clusters) {
    for (const held of one.values()) if (held.state === 'live') found.push(held)
    for (const held of objects.values()) if (held.state === 'live') found.push(held)
  }
  return found.toSorted(
    (a, b) => compare(a.cluster, b.cluster) || compare(a.claimRef, b.claimRef) || compare(a.key, b.key),
  )
}

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)

function listAnswer(found: readonly Held[]): Answer {
  const items = found.map(({ cluster, claimRef, message, at }) => {
    const [c, r, m] = [goJson(cluster), goJson(claimRef), goJson(message)]
    return `{"cluster":${c},"claimRef":${r},"statusMessage":${m},"receivedAt":"${wholeSeconds(at)}"}`
  })
  return { status: 200, headers: json, body: Buffer.from(`[${items.join(',')}]\n`) }
}

export function jsonAnswer(value: object): Answer {
  return { status: 200, headers: json, body: Buffer.from(`${JSON.stringify(value)}\n`) }
}

/** Go escapes what HTML and JavaScript could take for their own. */
function goJson(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** RFC 3339 without a fraction. */
function wholeSeconds(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

/** 8-4-4-4-12 lower hex of 16 random bytes, without the bits that would make it a UUID. */
export function createRequestIds(randomBytes: (size: number) => Uint8Array): () => string {
  let hex = ''
  let at = 0
  return () => {
    if (at === hex.length) {
      hex = Buffer.from(randomBytes(16 * 256)).toString('hex')
      at = 0
    }
    const from = at
    at += 32
    const part = (start: number, end: number) => hex.slice(from + start, from + end)
    return `${part(0, 8)}-${part(8, 12)}-${part(12, 16)}-${part(16, 20)}-${part(20, 32)}`
  }
}
