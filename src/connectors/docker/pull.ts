/** Pulling an image: one long answer that was a success when it began, and says as a line of it when it was none. */
import type { AppError } from '../../kernel/errors.ts'
import { readLines } from '../http/lines.ts'
import { engineError, type Asked } from './errors.ts'

export interface PullRequest {
  /** `registry.example.io/team/shop`, without tag and digest. */
  readonly repository: string
  /** `sha256:…`. Never without: the engine would pull every tag that there is. */
  readonly digest: string
  /** `linux/arm64`; null: what suits the engine. */
  readonly platform: string | null
  readonly credential: { readonly username: string; readonly password: string } | null
}

/** Layers that are there, of those that are known of by now. */
export type Progress = (done: number, of: number) => void

/** base64url of JSON, also where base64 would do: engines of all ages read it. */
export function registryAuth({ repository, credential }: PullRequest): Record<string, string> {
  if (credential === null) return {}
  const serveraddress = repository.slice(0, repository.indexOf('/'))
  const { username, password } = credential
  return { 'x-registry-auth': Buffer.from(JSON.stringify({ username, password, serveraddress })).toString('base64url') }
}

interface Line {
  readonly status?: unknown
  readonly id?: unknown
  readonly error?: unknown
  readonly errorDetail?: { readonly message?: unknown }
}

const longestLine = 256 << 10
const there = /^(?:Pull complete|Already exists|Download complete)$/

export async function readPull(asked: Asked, chunks: AsyncIterable<Uint8Array>, progress: Progress): Promise<void> {
  const known = new Set<string>()
  const done = new Set<string>()
  const lines = readLines(chunks, {
    most: longestLine,
    tooLong: () => engineError(asked, 'malformed', `a line of more than ${longestLine} bytes`),
    cutOff: () => engineError(asked, 'network', 'the answer broke off', { effect: 'none' }),
  })
  let before = ''
  for await (const text of lines) {
    const line = parsed(text)
    if (line === null) throw engineError(asked, 'malformed', 'a line that is no JSON')
    const failed = line.errorDetail?.message ?? line.error
    if (failed !== undefined) throw pullError(asked, typeof failed === 'string' ? failed : 'the pull failed')
    if (typeof line.id !== 'string' || typeof line.status !== 'string' || line.status.startsWith('Pulling from'))
      continue
    known.add(line.id)
    if (there.test(line.status)) done.add(line.id)
    const now = `${done.size} ${known.size}`
    if (now !== before) progress(done.size, known.size)
    before = now
  }
}

/** Nothing that another try of the same could change. */
const hopeless =
  /manifest unknown|MANIFEST_UNKNOWN|name unknown|NAME_UNKNOWN|repository .* not found|no matching manifest|does not match the specified platform|no image found in (?:manifest list|image index)|invalid reference format/i

/** Without effect in any case: nothing runs differently for an image that was pulled half. */
export function pullError(asked: Asked, said: string, cause?: unknown): AppError {
  const why = hopeless.test(said) ? 'not-found' : 'server-error'
  return engineError(asked, why, said, { effect: 'none', cause })
}

function parsed(text: string): Line | null {
  try {
    const line = JSON.parse(text) as unknown
    return typeof line === 'object' && line !== null ? (line as Line) : null
  } catch {
    return null
  }
}
