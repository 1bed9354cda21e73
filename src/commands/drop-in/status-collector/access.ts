/** Who may say something: a file of tokens, each for one cluster or for all, and service accounts of clusters. */
import { readFileSync, statSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { sha256 } from '../../../kernel/digest.ts'
import { AppError, messageOf } from '../../../kernel/errors.ts'
import type { Identity } from '../../../kernel/route.ts'
import type { Log } from './log.ts'

export interface Speaker {
  readonly name: string
  /** null: all clusters. */
  readonly cluster: string | null
}

export interface Access {
  /** Rejects with `request.unauthenticated`. */
  admit(request: IncomingMessage): Promise<Speaker>
}

/** null: that it does not know. */
type Known = (bearer: string) => Speaker | null

export const anybody: Speaker = { name: 'anonymous', cluster: null }

/** Renewed secrets arrive as swapped files: looked at this often, and when a token is not known. */
const lookEvery: Ms = 5_000
const lookAgain: Ms = 1_000

/** Whom neither knows is refused. */
export function createAccess(tokens: Known | null, identity: Identity | null): Access {
  return {
    async admit({ headers }) {
      const [scheme = '', bearer = ''] = (headers.authorization ?? '').split(' ')
      if (scheme.toLowerCase() !== 'bearer' || bearer === '') {
        throw new AppError('request.unauthenticated', 'send Authorization: Bearer followed by a token')
      }
      const speaker = tokens?.(bearer) ?? null
      if (speaker !== null) return speaker
      const found = (await identity?.verify(bearer)) ?? null
      if (found === null) throw new AppError('request.unauthenticated', 'the token is not known here')
      return { name: found.caller.name, cluster: found.caller.subject }
    },
  }
}

/** Throws where the file cannot be used at the start; later, what was read last counts. */
export function readTokens(file: string, { clock, log }: { readonly clock: Clock; readonly log: Log }): Known {
  let read = open(file)
  let lookedAt = clock.monotonic()

  function look(): void {
    lookedAt = clock.monotonic()
    try {
      if (stampOf(file) !== read.stamp) read = open(file)
    } catch (thrown) {
      log.tell('WARN', 'changed tokens cannot be used yet', { error: thrown })
      read = { ...read, stamp: '' }
    }
  }

  return (token) => {
    const digest = sha256(token)
    const age = clock.monotonic() - lookedAt
    if (age >= lookEvery || (age >= lookAgain && !read.speakers.has(digest))) look()
    // By digest: how long it takes says nothing of how much of a token was right.
    return read.speakers.get(digest) ?? null
  }
}

interface Read {
  readonly stamp: string
  readonly speakers: ReadonlyMap<string, Speaker>
}

function stampOf(file: string): string {
  const { mtimeMs, ino, size } = statSync(file)
  return [mtimeMs, ino, size].join(' ')
}

function open(file: string): Read {
  let text: string
  let stamp: string
  try {
    stamp = stampOf(file)
    text = readFileSync(file, 'utf8')
  } catch (thrown) {
    throw new AppError('config.invalid', `COLLECTOR_TOKENS_FILE: ${messageOf(thrown)}`, { cause: thrown })
  }
  const speakers = new Map<string, Speaker>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue
    const [cluster, token, more] = line.trim().split(/\s+/)
    // The line is not repeated: it holds a token.
    if (token === undefined || more !== undefined) {
      throw new AppError('config.invalid', `COLLECTOR_TOKENS_FILE: line ${index + 1} of ${file} is not "CLUSTER TOKEN"`)
    }
    const all = cluster === '*'
    speakers.set(sha256(token), { name: all ? 'token' : `token of ${cluster}`, cluster: all ? null : cluster! })
  }
  return { stamp, speakers }
}
