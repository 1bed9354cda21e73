/** A collector in memory: the original (`old`), or one that knows batches and snapshots. Without sockets, or with. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Http } from '../../../connectors/http/client.ts'
import { HttpFailure } from '../../../connectors/http/client.ts'
import { isoTime, type Clock } from '../../../kernel/clock.ts'
import { sha256 } from '../../../kernel/digest.ts'
import { keyOf } from '../model.ts'
import { batchItem, type BatchItem, type PostedStatus, type Result } from '../wire.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: unknown
}

export interface FakeCollector {
  /** May be replaced while it runs. */
  knows: 'old' | 'batches'
  /** Nobody listens. */
  down: boolean
  /** Answers this to everything, until it is null again. */
  answers: {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  } | null
  readonly asked: readonly Asked[]
  /** Statuses and removals that came, of all requests that it answered. */
  readonly came: readonly BatchItem[]
  /** `claimRef` → message, as everybody can read it. */
  messages(): Record<string, string>
  /** What it holds of an object, or of a claimRef where it was told of none. */
  readonly held: ReadonlyMap<string, PostedStatus>
  /** Forgets everything, as the original does when it starts. */
  forget(): void
  put(status: PostedStatus): void
  readonly http: Pick<Http, 'request'>
  /** On a socket of loopback; its address. */
  listen(): Promise<{ readonly url: string } & AsyncDisposable>
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

const json = (status: number, body: unknown, headers = {}): Answer => {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: `${JSON.stringify(body)}\n` }
}
const notFound: Answer = { status: 404, body: '404 page not found\n' }

/** `base`: path that it lives under. */
export function createFakeCollector(clock: Pick<Clock, 'now'>, base = ''): FakeCollector {
  const held = new Map<string, PostedStatus>()
  const gone = new Map<string, string>()
  const asked: Asked[] = []
  const came: BatchItem[] = []

  function keyOfItem(item: BatchItem): string {
    const { cluster, claimRef, group = '', kind, namespace = '', name } = item
    const object = kind !== undefined && name !== undefined ? { group, kind, namespace, name } : null
    return keyOf({ cluster, claimRef, object: fake.knows === 'old' ? null : object })
  }

  function take(item: BatchItem): Result {
    came.push(item)
    const key = keyOfItem(item)
    const before = held.get(key)
    const observedAt = item.observedAt ?? isoTime(clock.now())
    const last = before?.observedAt ?? gone.get(key)
    if (fake.knows === 'batches' && last !== undefined && Date.parse(observedAt) < Date.parse(last)) {
      return { status: 'older', observedAt: last }
    }
    if ('deleted' in item) {
      held.delete(key)
      gone.set(key, observedAt)
      return { status: before === undefined ? 'absent' : 'removed' }
    }
    held.set(key, { ...item, observedAt })
    if (before === undefined) return { status: 'created' }
    const same = before.statusMessage === item.statusMessage && before.health === item.health
    return { status: same ? 'unchanged' : 'updated' }
  }

  function answer(method: string, url: string, body: unknown, etag: string | undefined): Answer {
    if (!url.startsWith(base)) return notFound
    const path = url.slice(base.length)
    if (path.startsWith('//')) return { status: 301, headers: { location: path.slice(1) }, body: '' }
    if (path === '/api/v1/status' && method === 'POST') return single(body)
    const [, cluster] = /^\/api\/v1\/status\/([^/]+)$/.exec(path) ?? []
    if (cluster !== undefined && method === 'GET') return json(200, listOf(decodeURIComponent(cluster)))
    if (fake.knows === 'old') return cluster === undefined ? notFound : { status: 405, body: 'Method Not Allowed\n' }
    if (cluster === 'batch' && method === 'POST') {
      const { items } = body as { items: readonly unknown[] }
      return json(200, { results: items.map(taken) })
    }
    const [, of] = /^\/api\/v1\/clusters\/([^/]+)\/snapshot$/.exec(path) ?? []
    if (of === undefined) return notFound
    return method === 'PUT' ? snapshot(decodeURIComponent(of), body) : shown(decodeURIComponent(of), etag)
  }

  function taken(item: unknown): Result {
    const parsed = batchItem.safeParse(item)
    return parsed.success ? take(parsed.data) : { status: 'rejected', detail: parsed.error.message }
  }

  function single(body: unknown): Answer {
    const { cluster, claimRef, statusMessage } = body as PostedStatus
    if (!cluster || !claimRef || !statusMessage) {
      return { status: 400, body: '{"error":"cluster, claimRef, and statusMessage are required"}\n' }
    }
    take(fake.knows === 'old' ? { cluster, claimRef, statusMessage } : (body as PostedStatus))
    return json(201, { status: 'created' })
  }

  const of = (cluster: string) => [...held].filter(([, one]) => one.cluster === cluster).map(([, one]) => one)

  function listOf(cluster: string): object[] {
    return of(cluster).map(({ claimRef, statusMessage, observedAt }) => {
      return { cluster, claimRef, statusMessage, receivedAt: observedAt }
    })
  }

  function shown(cluster: string, known: string | undefined): Answer {
    const body = { items: of(cluster) }
    const etag = `"${sha256(JSON.stringify(body)).slice(0, 16)}"`
    return known === etag ? { status: 304, headers: { etag }, body: '' } : json(200, body, { etag })
  }

  function snapshot(cluster: string, body: unknown): Answer {
    const given = body as { items: PostedStatus[]; observedAt: string; of?: { group: string; kind: string }[] }
    const results = given.items.map((item) => taken(item).status)
    const kept = new Set(given.items.map(keyOfItem))
    let removed = 0
    for (const [key, one] of held) {
      const covered =
        given.of === undefined || given.of.some(({ group, kind }) => one.group === group && one.kind === kind)
      if (one.cluster !== cluster || kept.has(key) || !covered || one.observedAt! > given.observedAt) continue
      held.delete(key)
      removed += 1
    }
    const count = (status: Result['status']) => results.filter((one) => one === status).length
    const [created, updated, unchanged] = [count('created'), count('updated'), count('unchanged')]
    return json(200, { created, updated, unchanged, older: count('older'), removed, rejected: [] })
  }

  function serve(method: string, path: string, headers: Readonly<Record<string, unknown>>, text: string): Answer {
    const body: unknown = text === '' ? null : JSON.parse(text)
    asked.push({ method, path, body, authorization: headers['authorization'] as string | undefined })
    if (fake.answers !== null) return { body: '', ...fake.answers }
    return answer(method, path, body, headers['if-none-match'] as string | undefined)
  }

  const fake: FakeCollector = {
    knows: 'batches',
    down: false,
    answers: null,
    asked,
    came,
    held,
    messages: () => Object.fromEntries([...held.values()].map((one) => [one.claimRef, one.statusMessage])),
    forget() {
      held.clear()
      gone.clear()
    },
    put: (status) => void held.set(keyOfItem(status), { observedAt: isoTime(clock.now()), ...status }),
    http: {
      request({ method, path, headers = {}, body }) {
        if (fake.down) return Promise.reject(new HttpFailure('network', 'ECONNREFUSED'))
        const given = serve(method, path, headers, typeof body === 'string' ? body : '')
        const bytes = () => Promise.resolve(Buffer.from(given.body))
        const chunks = () => (async function* () {})()
        return Promise.resolve({ status: given.status, headers: given.headers ?? {}, bytes, chunks, dump() {} })
      },
    },
    async listen() {
      const server = createServer((request, response) => {
        const parts: Buffer[] = []
        request.on('data', (part: Buffer) => parts.push(part))
        request.on('end', () => {
          const text = Buffer.concat(parts).toString()
          const given = serve(request.method!, request.url!, request.headers, text)
          response.writeHead(given.status, given.headers).end(given.body)
        })
      })
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve)
      })
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${base}`,
        async [Symbol.asyncDispose]() {
          server.closeAllConnections()
          await new Promise((resolve) => {
            server.close(resolve)
          })
        },
      }
    },
  }
  return fake
}
