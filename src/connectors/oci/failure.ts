/** What goes wrong with a registry, by what whoever asked can do about it. */
import type { Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { headerOf, HttpFailure, type HttpAnswer } from '../http/client.ts'
import { retryAfterOf } from '../http/retry-after.ts'

export type Why =
  | 'unauthorized'
  | 'forbidden'
  | 'rate-limited'
  | 'server-error'
  | 'network'
  | 'timed-out'
  | 'malformed'
  | 'digest-mismatch'
  | 'too-large'
  /** The image is there, and is none for the platform that was asked for. */
  | 'no-platform'

export interface Facts {
  readonly status?: number
  readonly retryAfter?: Ms
  readonly cause?: unknown
}

/** `where` is the host, or host and repository; never a URL, for its query may hold a signature. */
export function unavailable(why: Why, where: string, detail: string, { cause, ...facts }: Facts = {}): AppError {
  const host = where.split('/', 1)[0]
  return new AppError('source.unavailable', `${where}: ${detail}`, { cause, data: { host, why, ...facts } })
}

export function whyOf(error: AppError): Why | undefined {
  return error.code === 'source.unavailable' ? (error.data['why'] as Why | undefined) : undefined
}

/** An abort stays what it is. */
export function asUnavailable(thrown: unknown, where: string): unknown {
  if (!(thrown instanceof HttpFailure)) return thrown
  const [, hint = ''] = hints.find(([codes]) => codes.test(thrown.code)) ?? []
  return unavailable(thrown.why, where, `${thrown.message}${hint}`, { cause: thrown })
}

/** What a person would have to find out by the name of an error. */
const hints: readonly (readonly [RegExp, string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)/,
    '; its certificate is from an authority that is not known here: name that as its CA',
  ],
  [/ALTNAME/, '; its certificate is for another name'],
  [/CERT_HAS_EXPIRED/, '; its certificate has expired'],
  [/SSL_WRONG_VERSION|SSL_PACKET_LENGTH|EPROTO/, '; it speaks no TLS there: plain HTTP has to be allowed for it'],
  [/ENOTFOUND|EAI_AGAIN/, '; its name is not known to the resolver'],
  [/EREFUSED/, '; its address is one that nothing is sent to from outside'],
]

const nextSteps: Partial<Record<Why, string>> = {
  'unauthorized': 'check the credentials for this host',
  'forbidden': 'the account needs the right to pull here',
  'rate-limited': 'asked again when it allows it; credentials or a mirror may raise the limit',
}

/** Of an answer that is none of those expected; reads its body for the codes of the registry. */
export async function statusFailure(answer: HttpAnswer, where: string, now: Instant): Promise<AppError> {
  const { status } = answer
  const codes = await errorCodes(answer)
  const retryAfter = retryAfterOf(answer.headers['retry-after'] ?? answer.headers['x-retry-after'], now)
  const why = whyOfStatus(status, codes, retryAfter !== null)
  const step = nextSteps[why]
  const said = codes.length === 0 ? '' : ` ${codes.join(', ')}`
  return unavailable(why, where, `HTTP ${status}${said}${step === undefined ? '' : `; ${step}`}`, {
    status,
    ...(retryAfter !== null && { retryAfter }),
  })
}

function whyOfStatus(status: number, codes: readonly string[], waits: boolean): Why {
  if (status === 429 || (status === 503 && waits) || codes.includes('TOOMANYREQUESTS')) return 'rate-limited'
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  if (status === 408 || status === 504) return 'timed-out'
  return status >= 500 ? 'server-error' : 'malformed'
}

/** The codes of an error document of the protocol; [] for any other body. Its messages are not passed on. */
export async function errorCodes(answer: HttpAnswer): Promise<readonly string[]> {
  try {
    const document: unknown = JSON.parse((await answer.bytes(longestError, 5000)).toString())
    const { errors } = document as { errors?: unknown }
    const codes = Array.isArray(errors) ? errors.map((error) => (error as { code?: unknown } | null)?.code) : []
    return codes.filter((code): code is string => typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code)).slice(0, 5)
  } catch {
    return []
  }
}

const longestError = 64 << 10
const absent = new Set([
  'NAME_UNKNOWN',
  'MANIFEST_UNKNOWN',
  'MANIFEST_BLOB_UNKNOWN',
  'BLOB_UNKNOWN',
  'TAG_UNKNOWN',
  'NOT_FOUND',
])

/**
 * Whether a 404 comes from a registry that looked, and not from whatever else stands there now (a default page of
 * an ingress says 404 as well, and must not read as "all gone"): it has the header of the protocol, or says so in
 * a document of the protocol. Takes the body.
 */
export async function isAbsence(answer: HttpAnswer): Promise<boolean> {
  if (headerOf(answer, 'docker-distribution-api-version')?.startsWith('registry/2') === true) {
    answer.dump()
    return true
  }
  return (await errorCodes(answer)).some((code) => absent.has(code))
}
