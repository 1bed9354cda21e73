/**
 * Tokens by id, all of them in memory, so that a request is let in without asking the database and a
 * guessed id costs nothing. Follows the journal: what another replica revokes ends here within a
 * second, what this one revokes ends at once.
 */
import type { Instant, Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { JsonObject } from '../../kernel/json.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Caller, Role } from '../../kernel/route.ts'
import { put, quietPatch, type Condition, type EventDraft, type Journal, type Stored } from '../../engine/journal.ts'
import { matches, mintToken, tokenId, tokens, type RandomBytes, type TokenRow } from './token.ts'

export interface NewToken {
  readonly name: string
  readonly role: Role
  readonly scopes: Caller['scopes']
  readonly subject: string | null
  readonly expiresAt: Instant | null
}

/** A token that was let in, and whether it would be let in again now. */
export interface Credential {
  readonly caller: Caller
  readonly id: string
  valid(): boolean
}

export interface TokenStore {
  /** Reads all tokens and begins to follow the journal. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Throws `request.unauthenticated`. */
  verify(text: string): Credential
  /** The text is in this answer and nowhere else. `fixedId`: null when a token with that id ever existed. */
  create(ask: NewToken, by: string): Promise<{ row: TokenRow; text: string }>
  createOnce(id: string, ask: NewToken, by: string): Promise<{ row: TokenRow; text: string } | null>
  /** Null when there is no such token; one that is already revoked is answered as it is. */
  revoke(id: string, by: string): Promise<TokenRow | null>
  /** A token that may create others is valid. */
  hasAdmin(): boolean
}

interface Known {
  row: Stored<TokenRow>
  readonly hash: Buffer
  readonly credential: Credential
  usedAt: Instant | null
}

/** Shortest time between two reads of the token table, however often the journal moves. */
const followEvery: Ms = 250
const retryAfter: Ms = 1000
/** `lastUsedAt` is written this often at most. */
const useWrittenEvery: Ms = 60_000
const coarse: Ms = 300_000
const pageSize = 1000

export function createTokenStore(parts: {
  journal: Journal
  clock: Clock
  logger: Logger
  randomBytes: RandomBytes
}): TokenStore {
  const { journal, clock } = parts
  const known = new Map<string, Known>()
  const used = new Set<Known>()

  function learn(row: Stored<TokenRow>): void {
    const before = known.get(row.id)
    if (before !== undefined) {
      // Revoked stays revoked, whatever an older answer that arrives late says.
      if (row.seq > before.row.seq) before.row = row
      return
    }
    const one: Known = { row, hash: Buffer.from(row.hash, 'hex'), credential: credentialOf(row), usedAt: null }
    known.set(row.id, one)
  }

  function credentialOf({ id, name, role, scopes, subject }: TokenRow): Credential {
    const caller: Caller = { name: `token:${name}`, role, scopes, subject }
    return { caller, id, valid: () => refusal(known.get(id)!.row, clock.now()) === null }
  }

  function verify(text: string): Credential {
    const id = tokenId(text)
    const one = id === null ? undefined : known.get(id)
    if (one === undefined || !matches(text, one.hash)) throw unauthenticated('The token is not known here.')
    const now = clock.now()
    const why = refusal(one.row, now)
    if (why !== null) throw unauthenticated(why)
    if (now - (one.usedAt ?? one.row.lastUsedAt ?? 0) >= coarse) {
      one.usedAt = now
      used.add(one)
    }
    return one.credential
  }

  async function write(row: TokenRow, event: EventDraft, when: Condition): Promise<boolean> {
    const [done] = await journal.commit([put(tokens, row, event, when)])
    if (typeof done !== 'number') return false
    learn({ ...row, seq: done })
    return true
  }

  async function createAs(fixedId: string | undefined, ask: NewToken, by: string) {
    const { id, text, hash } = mintToken(parts.randomBytes, fixedId)
    const row: TokenRow = {
      id,
      hash,
      ...ask,
      createdAt: clock.now(),
      createdBy: by,
      revokedAt: null,
      lastUsedAt: null,
    }
    const data = { name: ask.name, role: ask.role, scopes: ask.scopes, subject: ask.subject } as JsonObject
    const written = await write(row, { type: 'token.created', key: id, actor: by, data }, 'absent')
    return written ? { row, text } : null
  }

  async function revoke(id: string, by: string): Promise<TokenRow | null> {
    for (;;) {
      const found = await journal.get(tokens, { id })
      if (found === null) return null
      learn(found)
      const { seq, ...row } = found
      if (row.revokedAt !== null) return row
      const revoked = { ...row, revokedAt: clock.now() }
      const event: EventDraft = { type: 'token.revoked', key: id, actor: by, data: { name: row.name } }
      if (await write(revoked, event, { seq })) return revoked
    }
  }

  return {
    verify,
    revoke,
    ...follow(parts, known, used, learn),
    async create(ask, by) {
      for (const { row } of known.values()) {
        if (row.name === ask.name && refusal(row, clock.now()) === null) {
          throw new AppError('request.conflict', `A token named ${ask.name} exists; revoke it or choose another name.`)
        }
      }
      return (await createAs(undefined, ask, by))!
    },
    createOnce: createAs,
    hasAdmin() {
      const now = clock.now()
      return [...known.values()].some(
        ({ row }) => row.role === 'admin' && row.scopes === null && row.subject === null && refusal(row, now) === null,
      )
    },
  }
}

/** Reads what is new of the token table when the journal moved, and writes when tokens were used. */
function follow(
  { journal, clock, logger }: { journal: Journal; clock: Clock; logger: Logger },
  known: ReadonlyMap<string, Known>,
  used: Set<Known>,
  learn: (row: Stored<TokenRow>) => void,
): Pick<TokenStore, 'start' | 'stop'> {
  const stopping = new AbortController()
  let seen = 0
  let unsubscribe = (): void => {}
  let busy = false
  const background: Promise<void>[] = []

  async function read(): Promise<void> {
    for (;;) {
      const rows = await journal.select(tokens, { where: { seq: { above: seen } }, order: ['seq'], limit: pageSize })
      for (const row of rows) learn(row)
      seen = rows.at(-1)?.seq ?? seen
      if (rows.length < pageSize) return
    }
  }

  /** One at a time; a move of the journal while it waits is covered by the read that follows. */
  async function readSoon(): Promise<void> {
    let wait = followEvery
    while (!stopping.signal.aborted) {
      await clock.sleep(wait, stopping.signal)
      busy = false
      try {
        if (!stopping.signal.aborted) await read()
        return
      } catch (thrown) {
        busy = true
        wait = retryAfter
        logger.warn({ err: thrown }, 'tokens could not be read; revocations elsewhere are seen later')
      }
    }
  }

  async function writeUse(): Promise<void> {
    const changed = [...used]
    used.clear()
    if (changed.length === 0) return
    const quiet = changed.map(({ row, usedAt }) => quietPatch(tokens, { id: row.id, lastUsedAt: usedAt }))
    await journal
      .commit([], { quiet })
      .catch((thrown: unknown) => logger.warn({ err: thrown }, 'the use of tokens could not be recorded'))
  }

  async function writeUseRegularly(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(useWrittenEvery, stopping.signal)
      await writeUse()
    }
  }

  return {
    async start() {
      unsubscribe = journal.subscribe(() => {
        if (busy) return
        busy = true
        void readSoon()
      })
      await read()
      background.push(writeUseRegularly())
      logger.debug({ tokens: known.size }, 'tokens read')
    },
    async stop() {
      unsubscribe()
      stopping.abort()
      await Promise.all(background)
    },
  }
}

function refusal(row: TokenRow, now: Instant): string | null {
  if (row.revokedAt !== null) return 'The token was revoked.'
  if (row.expiresAt !== null && row.expiresAt <= now) return 'The token has expired.'
  return null
}

export function unauthenticated(detail: string): AppError {
  return new AppError('request.unauthenticated', detail)
}
