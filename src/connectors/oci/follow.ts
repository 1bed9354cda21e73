/**
 * Redirects of a registry, which sends to storage elsewhere for blobs, and some for manifests. Where to is chosen by
 * the registry, so:
 * - no more than five, and never from HTTPS to plain HTTP;
 * - credentials go to the origin that they are for and nowhere else;
 * - never to a link-local or metadata address, and to loopback only from a registry that is there itself.
 */
import { isLoopbackHost } from '../http/addresses.ts'
import { headerOf, type Http, type HttpAnswer, type HttpRequest } from '../http/client.ts'
import { unavailable } from './failure.ts'

export interface Asked {
  readonly answer: HttpAnswer
  /** Somebody else answered than was asked. */
  readonly elsewhere: boolean
}

const mostRedirects = 5

export async function follow(http: Http, ask: HttpRequest, where: string, signal: AbortSignal): Promise<Asked> {
  const answer = await http.request(ask, signal)
  if (!isRedirect(answer)) return { answer, elsewhere: false }
  return redirected(http, ask, answer, where, signal)
}

function isRedirect({ status }: HttpAnswer): boolean {
  return status === 307 || status === 302 || status === 301 || status === 308 || status === 303
}

async function redirected(
  http: Http,
  ask: HttpRequest,
  first: HttpAnswer,
  where: string,
  signal: AbortSignal,
): Promise<Asked> {
  let answer = first
  let at = new URL(ask.origin + ask.path)
  for (let count = 1; isRedirect(answer); count++) {
    answer.dump()
    if (count > mostRedirects) throw unavailable('malformed', where, `it redirects more than ${mostRedirects} times`)
    const to = targetOf(answer, at, where)
    const same = to.origin === ask.origin
    const { authorization: _, ...open } = ask.headers ?? {}
    answer = await http.request(
      {
        ...ask,
        origin: to.origin,
        path: to.pathname + to.search,
        headers: same ? (ask.headers ?? {}) : open,
        ...(!same && { guard: guardFor(ask.origin) }),
      },
      signal,
    )
    at = to
  }
  return { answer, elsewhere: at.origin !== ask.origin }
}

function targetOf(answer: HttpAnswer, from: URL, where: string): URL {
  const location = headerOf(answer, 'location')
  const to = location === undefined ? null : URL.parse(location, from.href)
  if (to === null) throw unavailable('malformed', where, 'it redirects to nowhere')
  if (to.protocol !== 'https:' && !(to.protocol === 'http:' && from.protocol === 'http:')) {
    throw unavailable('malformed', where, 'it redirects from HTTPS to something without encryption')
  }
  if (to.username !== '' || to.password !== '')
    throw unavailable('malformed', where, 'it redirects to a URL with a password')
  return to
}

/** What a host that `origin` chose must not be. */
export function guardFor(origin: string): 'inside' | 'here' {
  return isLoopbackHost(new URL(origin).hostname) ? 'inside' : 'here'
}
