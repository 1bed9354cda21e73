/** What the APIs of forges have in common: what was asked, what came back, and what no answer means. */
import { AppError, messageOf } from '../../kernel/errors.ts'
import { HttpFailure } from '../http/client.ts'
import { refused, unavailable, type ForgeTrouble } from './failure.ts'
import type { RequestDraft } from './forge.ts'

/** Where and what: `acme/claims`, `open a pull request`. */
export interface Asked {
  readonly host: string
  readonly repository: string
  readonly what: string
}

export interface Reply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** No answer, or none in time. */
export function errorOfSilence({ host, repository, what }: Asked, thrown: unknown): AppError {
  if (thrown instanceof AppError && thrown.code !== 'timed-out') return thrown
  const why: ForgeTrouble =
    thrown instanceof AppError ? 'timed-out' : thrown instanceof HttpFailure ? thrown.why : 'network'
  const detail = `${host} did not answer: ${what}, ${repository} (${sayable(messageOf(thrown))})`
  return why === 'too-large' ? refused(detail, { host, why }, thrown) : unavailable(detail, { host, why }, thrown)
}

export function malformed({ host, repository, what }: Asked, detail: string, cause?: unknown): AppError {
  return unavailable(`${host} answered with ${detail}: ${what}, ${repository}`, { host, why: 'malformed' }, cause)
}

/** Whether what was asked for may have been done all the same. */
export function isLost(thrown: unknown): thrown is AppError {
  const why = whyOf(thrown)
  return why === 'network' || why === 'timed-out' || why === 'server-error' || why === 'malformed'
}

export function whyOf(thrown: unknown): ForgeTrouble | null {
  return thrown instanceof AppError ? ((thrown.data['why'] as ForgeTrouble | undefined) ?? null) : null
}

/** One printable line. */
export function sayable(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .slice(0, 300)
    .trim()
}

/** Something that a request is not worth less without: what cannot be done is told, and the request stays. */
export async function attempt(what: string, draft: RequestDraft, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code === 'aborted') throw thrown
    draft.told?.(`could not ${what}: ${thrown.detail}`)
  }
}
