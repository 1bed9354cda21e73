/** A `regista serve` with a registry of services, and what a client says to it. */
import { serveRegista, type Serving } from './regista.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // What a test looks for, it says where it looks.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

export interface ServicesServer extends AsyncDisposable {
  readonly serving: Serving
  ask(method: string, path: string, body?: unknown): Promise<Answer>
  /** A poller, registered by its id alone. */
  register(id: string): Promise<Answer>
  beat(id: string, more?: object): Promise<Answer>
  statusOf(id: string): Promise<string | null>
}

/** In a folder that holds regista.yaml. */
export async function serveServices(folder: string): Promise<ServicesServer> {
  const serving = await serveRegista(['-c', 'regista.yaml'], { cwd: folder, bound: 60_000 })
  const ask = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const answer = await fetch(`${serving.url}${path}`, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: text === '' ? null : (JSON.parse(text) as unknown) }
  }
  return {
    serving,
    ask,
    register: (id) => ask('POST', '/api/admin/services/pollers', { poller_id: id }),
    beat: (id, more = {}) => ask('POST', '/api/services/heartbeat', { service_type: 'poller', poller_id: id, ...more }),
    async statusOf(id) {
      const { status, body } = await ask('GET', `/api/admin/services/pollers/${id}`)
      return status === 404 ? null : (body as { status: string }).status
    },
    [Symbol.asyncDispose]: () => serving[Symbol.asyncDispose](),
  }
}
