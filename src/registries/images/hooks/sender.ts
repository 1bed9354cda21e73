/** One kind of sender of webhooks: how it proves itself and what it says. Adding one: a file beside this, a line in index.ts. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>

export interface Sender {
  readonly type: string
  /**
   * hmac     signs the raw bytes with a secret
   * header   sends a fixed header
   * id       can do neither: its address itself is the secret
   */
  readonly proof: 'hmac' | 'header' | 'id'
  /** Of `hmac`: every signature that the headers hold, as lower-case hex; [] where there is none, or an empty one. */
  signatures?(headers: Headers): readonly string[]
  /** Bytes that were signed, where those are not the body's (a form's `payload`). */
  signed?(headers: Headers, body: Buffer): Buffer
  /** Throws AppError `request.invalid` for what is nothing of this sender's. */
  read(headers: Headers, body: Buffer): Said
}

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
  /** As the sender says it, with or without its host: matched by hooks/match.ts. */
  readonly host: string | null
  readonly repository: string
  readonly tag: string | null
}
