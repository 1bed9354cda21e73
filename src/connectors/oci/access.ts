/** How one host lets us in: learnt from its first answer, kept, renewed before it ends, and shared by all who ask. */
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { HttpAnswer } from '../http/client.ts'
import { challengesOf, type Challenge } from './challenge.ts'
import type { Credentials } from './credential.ts'
import { unavailable, whyOf } from './failure.ts'
import { realmOf, type Realm, type RealmRule } from './realm.ts'
import { basic, type FetchToken } from './token.ts'

/** What a request for one repository goes with. */
export interface Pass {
  readonly authorization: string | null
  readonly until: Instant
  /** The host took it at least once; set by whoever sees that. */
  good: boolean
}

/** What is known of a registry beforehand, and spares requests. */
export interface Habits {
  /** It takes a name and a password with each request: no token is asked for as long as it does. */
  readonly basic?: boolean
  /** A token for one repository lets into the others: asked for once. Where it does not, that repository gets its own. */
  readonly sharedToken?: boolean
  /** How long a token is good whose server does not say; default a minute, as the protocol has it. */
  readonly tokenLifetime?: Ms
}

export interface Access {
  pass(repository: string, signal: AbortSignal): Promise<Pass>
  /** A 401. Returns when it is worth asking again with another pass; throws `source.unavailable` when not. */
  refused(answer: HttpAnswer, pass: Pass, repository: string): void
  /** A 403. true: the pass was made for another repository, and one of its own may help. */
  forbidden(pass: Pass, repository: string): boolean
  /** For every pass, when whoever asked with it has an answer or is done; once more does nothing. */
  used(pass: Pass): void
}

export interface AccessParts {
  readonly rule: RealmRule
  readonly credentials: Credentials
  readonly tokens: FetchToken
  readonly habits: Habits
  readonly clock: Clock
  /** Ends what is shared, which no single caller's signal may end. */
  readonly closing: AbortSignal
}

type Scheme = { readonly is: 'open' } | { readonly is: 'basic' } | { readonly is: 'bearer'; readonly realm: Realm }

/** Credentials without an end of their own are looked up again after this, so that changed ones count. */
const usualLifetime: Ms = 300_000
/** What was refused is not tried again for this long: hundreds of wrong passwords lock an account. */
const refusal: Ms = 5000
/** Renewed when a fifth of its time is left, yet never more than this before its end. */
const mostEarly: Ms = 30_000
const manyPasses = 1000

/** Under it stands the pass that is good for all. No repository is called so. */
const everywhere = ''

export function createAccess({ rule, credentials, tokens, habits, clock, closing }: AccessParts): Access {
  const { name } = rule.place
  let scheme: Scheme | null = habits.basic === true ? { is: 'basic' } : null
  /** Repositories that the shared pass does not let into. */
  const apart = new Set<string>()
  let contact: PromiseWithResolvers<void> | null = null
  const passes = new Map<string, Pass>()
  const flights = new Map<string, Promise<Pass>>()
  const scopes = new Map<string, string>()
  const refusals = new Map<string, { readonly error: AppError; readonly until: Instant }>()

  const open: Pass = { authorization: null, until: Infinity, good: true }
  const scopeOf = (repository: string) => scopes.get(repository) ?? `repository:${repository}:pull`
  const keyOf = (repository: string) =>
    habits.sharedToken === true && !apart.has(repository) ? everywhere : repository
  const ended = (until: Instant) => until <= clock.monotonic()

  /** Throws what was said a moment ago to the same question. */
  function checkRefusal(key: string): void {
    const known = refusals.get(key)
    if (known === undefined) return
    if (!ended(known.until)) throw known.error
    refusals.delete(key)
  }

  function refuse(key: string, error: AppError): AppError {
    refusals.set(key, { error, until: clock.monotonic() + refusal })
    return error
  }

  async function make(by: Scheme, repository: string): Promise<Pass> {
    const from = clock.monotonic()
    const credential = await credentials(name, repository)
    const lasting = (authorization: string | null): Pass => ({
      authorization,
      until: from + usualLifetime,
      good: false,
    })
    if (credential !== null && 'registryToken' in credential) return lasting(`Bearer ${credential.registryToken}`)
    if (by.is !== 'bearer') {
      if (credential === null) return lasting(null)
      if ('username' in credential) return lasting(basic(credential))
      throw unavailable(
        'unauthorized',
        `${name}/${repository}`,
        'it takes a name and a password, and the credentials hold an identity token',
      )
    }
    // A wrong password is wrong for every repository; the key stays in this process.
    const key = `realm ${JSON.stringify(credential)}`
    checkRefusal(key)
    const ask = { realm: by.realm, scope: scopeOf(repository), credential, where: `${name}/${repository}` }
    const { text, lifetime } = await tokens(ask, closing).catch((thrown: unknown) => {
      if (credential !== null && thrown instanceof AppError && thrown.data['status'] === 401) refuse(key, thrown)
      throw thrown
    })
    return { authorization: `Bearer ${text}`, until: from + lifetime - Math.min(lifetime / 5, mostEarly), good: false }
  }

  function setApart(repository: string): void {
    if (apart.size >= manyPasses) apart.clear()
    apart.add(repository)
  }

  /** One at a time for each repository; those who come meanwhile get the same. */
  function renew(by: Scheme, repository: string): Promise<Pass> {
    const key = keyOf(repository)
    const flying = flights.get(key)
    if (flying !== undefined) return flying
    const flight = make(by, repository)
      .then((pass) => {
        if (passes.size >= manyPasses) for (const [old, { until }] of passes) if (ended(until)) passes.delete(old)
        // Not when the host has changed its way meanwhile.
        if (scheme === by) passes.set(key, pass)
        return pass
      })
      .catch((thrown: unknown) => {
        if (key === everywhere && isRefusal(thrown)) setApart(repository)
        throw thrown
      })
      .finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  }

  /** null: what another repository was refused says nothing of this one; it is to ask for itself. */
  async function ask(by: Scheme, repository: string): Promise<Pass | null> {
    try {
      return await renew(by, repository)
    } catch (thrown) {
      if (keyOf(repository) !== everywhere || !isRefusal(thrown)) throw thrown
      return null
    }
  }

  return {
    async pass(repository, signal) {
      for (;;) {
        const known = passes.get(keyOf(repository))
        if (known !== undefined && !ended(known.until)) {
          if (refusals.size > 0) checkRefusal(repository)
          return known
        }
        if (scheme?.is === 'open') return open
        if (scheme !== null) {
          checkRefusal(repository)
          const pass = await orAborted(ask(scheme, repository), signal, name)
          if (pass !== null) return pass
          continue
        }
        if (contact === null) {
          // The first one finds out for all: else each of them would be sent away once.
          contact = Promise.withResolvers()
          return { authorization: null, until: 0, good: false }
        }
        await orAborted(contact.promise, signal, name)
      }
    },
    refused(answer, pass, repository) {
      const where = `${name}/${repository}`
      const challenge = chosen(challengesOf(answer.headers['www-authenticate']))
      if (challenge !== null) {
        const next: Scheme =
          challenge.scheme === 'basic' ? { is: 'basic' } : { is: 'bearer', realm: realmOf(challenge, rule) }
        if (scheme === null || !isSame(scheme, next)) {
          scheme = next
          passes.clear()
          return
        }
      }
      // Somebody else has got another one meanwhile, or is about to.
      const key = keyOf(repository)
      if (passes.get(key) !== pass) {
        if (scheme !== null && scheme.is !== 'open') return
      } else {
        const isOver = challenge?.parameters['error'] !== 'insufficient_scope'
        if (key === everywhere) {
          if (pass.good && isOver) passes.delete(key)
          else setApart(repository)
          return
        }
        const scope = challenge?.parameters['scope']
        if (scope !== undefined && isPull(scope) && scope !== scopeOf(repository)) {
          scopes.set(repository, scope)
          passes.delete(repository)
          return
        }
        if (pass.good && isOver) {
          passes.delete(repository)
          return
        }
      }
      throw refuse(repository, refusalOf(where, pass, challenge))
    },
    forbidden(pass, repository) {
      if (keyOf(repository) !== everywhere || passes.get(everywhere) !== pass) return false
      setApart(repository)
      return true
    },
    used(pass) {
      if (contact === null || pass.until !== 0) return
      // Also after a failure: those who wait find out by themselves, and not one after the other.
      scheme ??= { is: 'open' }
      contact.resolve()
      contact = null
    },
  }
}

function isRefusal(thrown: unknown): boolean {
  const why = thrown instanceof AppError ? whyOf(thrown) : undefined
  return why === 'unauthorized' || why === 'forbidden'
}

function refusalOf(where: string, pass: Pass, challenge: Challenge | null): AppError {
  const status = { status: 401 }
  if (challenge === null)
    return unavailable('unauthorized', where, 'HTTP 401, without a way in that is known here (Basic, Bearer)', status)
  if (pass.authorization === null)
    return unavailable('unauthorized', where, 'HTTP 401, and there are no credentials for this host', status)
  if (challenge.parameters['error'] === 'insufficient_scope') {
    return unavailable(
      'forbidden',
      where,
      'HTTP 401, the token does not allow to pull here; the account needs that right',
      status,
    )
  }
  return unavailable('unauthorized', where, 'HTTP 401, the credentials for this host are not taken; check them', status)
}

/** Bearer before Basic: it is what registries that offer both prefer, and it spares them checking the password each time. */
function chosen(challenges: readonly Challenge[]): Challenge | null {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined)
  return bearer ?? challenges.find(({ scheme }) => scheme === 'basic') ?? null
}

function isSame(one: Scheme, other: Scheme): boolean {
  if (one.is !== 'bearer' || other.is !== 'bearer') return one.is === other.is
  const [a, b] = [one.realm, other.realm]
  return a.origin === b.origin && a.path === b.path && a.service === b.service
}

/** Some registries know a repository by another name than its clients; more than to pull nobody gets from us. */
const isPull = (scope: string) => /^repository:[^\s:]+(?::\d+[^\s:]*)?:pull$/.test(scope)

/** What is shared goes on when one of those who wait for it leaves. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal, host: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(new AppError('aborted', `a request to ${host}`, { cause: signal.reason }))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
