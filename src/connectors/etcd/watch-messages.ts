/** The watch stream of etcd v3: WatchRequest and WatchResponse of rpc.proto, in the few fields that we use. */
import { noHeader, readHeader, readPair, type Header, type Method } from './messages.ts'
import { addBool, addBytes, addMessage, addNumber, readFields, type Fields } from './protobuf.ts'

export interface WatchQuestion {
  readonly key: Uint8Array
  /** Exclusive. */
  readonly end: Uint8Array
  /** The first revision to tell of; 0: what comes from now on. */
  readonly from: number
}

export interface WatchAnswer {
  readonly header: Header
  /** The watch stands: `header.revision` is the last one that it does not tell of, where `from` was 0. */
  readonly created: boolean
  readonly cancelled: boolean
  /** The revision asked for is gone; this one is there. 0: it is not that. */
  readonly compacted: number
  /** Why it was cancelled. */
  readonly why: string
  /** More of the same revisions follows in the next answer. */
  readonly fragment: boolean
  readonly changes: readonly WatchChange[]
}

export interface WatchChange {
  /** A view of the answer, values and all: not to be kept. */
  readonly key: Uint8Array
  readonly revision: number
}

export const watch: Method<WatchQuestion, WatchAnswer> = {
  path: '/etcdserverpb.Watch/Watch',
  encode({ key, end, from }) {
    const create: Fields = []
    addBytes(create, 1, key)
    addBytes(create, 2, end)
    addNumber(create, 3, from)
    // Every ten minutes the server tells how far it is when nothing happened below the prefix.
    addBool(create, 4, true)
    // What is larger than its limit for requests comes in parts: one transaction may hold 128 MiB.
    addBool(create, 8, true)
    const fields: Fields = []
    addMessage(fields, 1, create)
    return Buffer.concat(fields)
  },
  decode(answer) {
    let header = noHeader
    let [created, cancelled, fragment] = [false, false, false]
    let compacted = 0
    let why = ''
    const changes: WatchChange[] = []
    for (const { field, number, bytes } of readFields(answer)) {
      if (field === 1) header = readHeader(bytes)
      else if (field === 3) created = number !== 0n
      else if (field === 4) cancelled = number !== 0n
      else if (field === 5) compacted = Number(number)
      else if (field === 6) why = Buffer.from(bytes).toString('utf8')
      else if (field === 7) fragment = number !== 0n
      else if (field === 11) changes.push(readChange(bytes))
    }
    return { header, created, cancelled, compacted, why, fragment, changes }
  },
}

/** What is removed has a pair as well: its key, and the revision that removed it. */
function readChange(event: Uint8Array): WatchChange {
  for (const { field, bytes } of readFields(event)) {
    if (field !== 2) continue
    const { key, revision } = readPair(bytes)
    return { key, revision }
  }
  return { key: new Uint8Array(0), revision: 0 }
}
