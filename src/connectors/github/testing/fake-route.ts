/** What a route of the fake is given, and answers. */
export interface FakeAsk {
  /** Of the path, decoded. */
  readonly params: readonly string[]
  readonly query: URLSearchParams
  readonly json: unknown
}

export interface FakeReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Route {
  /** Method, and a pattern of what follows `/repos/owner/name`. */
  readonly on: string
  answer(ask: FakeAsk): FakeReply
}

export function reply(status: number, json: unknown, headers: Readonly<Record<string, string>> = {}): FakeReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(json),
  }
}

export function error(status: number, message: string, headers: Readonly<Record<string, string>> = {}): FakeReply {
  return reply(status, { message, documentation_url: 'https://docs.github.com/rest' }, headers)
}

export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: string[] } | null {
  for (const route of routes) {
    const found = new RegExp(`^${route.on}$`).exec(`${method} ${path}`)
    if (found !== null) return { route, params: found.slice(1).map(decodeURIComponent) }
  }
  return null
}
