/** One kind of sender of webhooks: what gives it away, how it signs, what it says. Adding one: a file beside this, a line in senders.ts. */
import type { Instant } from '../../../kernel/clock.ts'

/** Names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>

export interface Sender {
  readonly type: string
  /** Its headers give it away. */
  sent(headers: Headers): boolean
  /** Nothing in the headers says whose it is, and the body can be nobody else's. */
  wrote(body: Fields): boolean
  /** Whether it signed with one of the secrets; absent: it cannot sign. */
  isSigned?(delivery: Delivery, secrets: readonly string[], now: Instant): boolean
  /** The JSON of a delivery, where that is not the body (a form's `payload`). */
  payload?(delivery: Delivery): Uint8Array
  /** Never throws: what is not as it should be is ignored. */
  read(body: Fields, headers: Headers): Said
}

export interface Delivery {
  readonly headers: Headers
  /** Every byte as it came. */
  readonly body: Buffer
}

/** A JSON object of others: nothing of it is sure. */
export type Fields = Readonly<Record<string, unknown>>

export interface Said {
  /** Of the delivery as a whole; null: it sends none. */
  readonly id: string | null
  /** What was pushed. Deleted tags, pulls, child manifests (`sha256:…`) and other packages are none. */
  readonly pushes: readonly Push[]
  /** Events of it that say nothing to us, for the counters. */
  readonly ignored: number
}

export interface Push {
  /** The sender's id of this one event where it has one; events of one delivery may come again in another. */
  readonly id: string | null
  /** As the sender says it, with or without its host: see match.ts. */
  readonly repository: string
  /** null: it does not say, or names only one of several. */
  readonly tag: string | null
}

/** One event, and nothing to us. */
export function nothing(id: string | null): Said {
  return { id, pushes: [], ignored: 1 }
}

export function pushed(id: string | null, repository: string | null, tag: string | null): Said {
  return repository === null ? nothing(id) : { id, pushes: [{ id: null, repository, tag }], ignored: 0 }
}

/** A manifest that is told of by its digest is a part of an index, or has no tag. */
export function isDigest(text: string): boolean {
  return /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,}$/i.test(text)
}
