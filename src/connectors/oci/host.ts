/** One host that speaks the protocol, with all that is shared by those who ask it. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/retry.ts'
import { headerOf, type Http, type HttpAnswer } from '../http/client.ts'
import { createAccess, type Habits, type Pass } from './access.ts'
import { createAttempts } from './attempts.ts'
import type { Credentials } from './credential.ts'
import { unavailable } from './failure.ts'
import { follow, type Asked } from './follow.ts'
import { createGate, type Gate } from './gate.ts'
import { placeOf } from './names.ts'
import { createTokens } from './token.ts'

export interface Host {
  readonly name: string
  readonly origin: string
  readonly gate: Gate
  /** How it calls a repository. */
  repository(repository: string): string
  /** In turn, and again if that may help; `use` takes the answer whole. */
  ask<T>(ask: HostAsk, use: (asked: Asked) => Promise<T>, signal: AbortSignal): Promise<T>
  /** Once, for who has a place of the gate. Redirects and the way in are dealt with; any other status is the caller's. */
  once(ask: HostAsk, signal: AbortSignal): Promise<Asked>
}

export interface HostAsk {
  readonly method: 'GET' | 'HEAD'
  /** As the host calls it. */
  readonly repository: string
  /** Behind the repository: `manifests/stable`. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Counted where pulls are limited (Docker Hub: GET of a manifest, and no HEAD). */
  readonly counts?: boolean
}

export interface HostOptions {
  readonly host: string
  readonly path?: string
  readonly plainHttp: boolean
  readonly realms: readonly string[]
  readonly concurrency: number
  readonly rate?: number
  readonly timeout: Ms
  readonly attempts: number
  /** In the place of one of its own, with its own limits. */
  readonly gate?: Gate
  readonly minRemaining?: number
  readonly habits?: Habits
}

export interface HostParts {
  readonly http: Http
  readonly credentials: Credentials
  readonly clock: Clock
  readonly random: Random
  readonly closing: AbortSignal
}

/** A challenge, another one because somebody else changed something meanwhile, and the last word. */
const mostPasses = 3

export function createHost(options: HostOptions, { http, credentials, clock, random, closing }: HostParts): Host {
  const { plainHttp, realms, concurrency, rate, timeout, path: prefix, minRemaining = 0, habits = {} } = options
  const place = placeOf(options.host, plainHttp)
  const { name, origin } = place
  const limits = { clock, random, concurrency, ...(rate !== undefined && { rate }) }
  const gate = options.gate ?? createGate({ host: name, ...limits, minRemaining })
  const attempts = createAttempts({ gate, clock, random, where: name, most: options.attempts })
  // Token servers have places of their own: who holds one here may have to wait for a token.
  const tokenGate = createGate({ host: name, ...limits })
  const tokenAttempts = createAttempts({ gate: tokenGate, clock, random, where: name, most: options.attempts })
  const lifetime = habits.tokenLifetime === undefined ? {} : { lifetime: habits.tokenLifetime }
  const tokens = createTokens({ http, attempts: tokenAttempts, clock, timeout, ...lifetime })
  const rule = { place, plainHttp, allowed: realms }
  const access = createAccess({ rule, credentials, tokens, habits, clock, closing })

  /** null: another pass may help. */
  async function send(ask: HostAsk, pass: Pass, signal: AbortSignal): Promise<Asked | null> {
    const { method, repository, path, headers } = ask
    const { authorization } = pass
    const request = {
      method,
      origin,
      path: `/v2/${repository}/${path}`,
      headers: authorization === null ? (headers ?? {}) : { ...headers, authorization },
      timeout,
      idle: timeout,
    }
    const asked = await follow(http, request, `${name}/${repository}`, signal)
    noteRemaining(gate, asked.answer)
    if (asked.answer.status === 403 && !asked.elsewhere && access.forbidden(pass, repository)) {
      asked.answer.dump()
      return null
    }
    if (asked.answer.status !== 401 || asked.elsewhere) {
      pass.good = true
      // Before the body: others may be waiting to learn how to come in.
      access.used(pass)
      return asked
    }
    asked.answer.dump()
    access.refused(asked.answer, pass, repository)
    return null
  }

  /** Tokens are waited for outside of `work`: they have attempts of their own, and take nobody's place. */
  async function letIn<T>(
    repository: string,
    work: (pass: Pass) => Promise<T | null>,
    signal: AbortSignal,
  ): Promise<T> {
    for (let count = 1; count <= mostPasses; count++) {
      const pass = await access.pass(repository, signal)
      try {
        const done = await work(pass)
        if (done !== null) return done
      } finally {
        access.used(pass)
      }
    }
    throw unavailable('unauthorized', `${name}/${repository}`, 'HTTP 401, whatever it is shown', { status: 401 })
  }

  return {
    name,
    origin,
    gate,
    repository: (repository) => (prefix === undefined ? place.repository(repository) : `${prefix}/${repository}`),
    once: (ask, signal) => letIn(ask.repository, (pass) => send(ask, pass, signal), signal),
    async ask(ask, use, signal) {
      if (ask.counts === true) gate.spend()
      const attempt = (pass: Pass) => async (signal: AbortSignal) => {
        const asked = await send(ask, pass, signal)
        return asked === null ? null : { answered: await use(asked) }
      }
      return (await letIn(ask.repository, (pass) => attempts.run(attempt(pass), signal), signal)).answered
    },
  }
}

/** What is left holds for this long when nobody says otherwise: then one request tells anew. */
const remainingHolds: Ms = 15 * 60_000

/** `ratelimit-remaining: 76;w=21600`, on every answer of Docker Hub about a manifest. */
function noteRemaining(gate: Gate, answer: HttpAnswer): void {
  const said = headerOf(answer, 'ratelimit-remaining')
  const count = said === undefined ? Number.NaN : Number.parseInt(said, 10)
  if (count >= 0) gate.left(count, remainingHolds)
}
