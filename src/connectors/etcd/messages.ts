/**
 * etcd v3 requests and answers, in the few fields that we use. Field numbers: etcd's rpc.proto and
 * kv.proto (api/etcdserverpb, api/mvccpb), unchanged since 3.0; watches stand in watch-messages.ts.
 */
import type { KeyValueTransaction } from '../../kernel/key-value.ts'
import { addBool, addBytes, addMessage, addNumber, readFields, type Fields } from './protobuf.ts'

/** One call: its path, and how question and answer are written. */
export interface Method<Q, A> {
  readonly path: string
  encode(question: Q): Buffer
  decode(answer: Buffer): A
}

/** Stands before every answer of the key-value service. */
export interface Header {
  readonly cluster: bigint
  /** Of the whole store, when the answer was given. */
  readonly revision: number
}

export interface RangeQuestion {
  readonly key: Uint8Array
  /** Exclusive; absent: the one key. */
  readonly end?: Uint8Array
  readonly limit?: number
  /** 0: now. */
  readonly revision?: number
  readonly keysOnly?: boolean
  /** Tells `count` alone. */
  readonly countOnly?: boolean
  /** Only pairs of this mod_revision or a later one; the server then applies `limit` after that. */
  readonly fromRevision?: number
}

export interface RangeAnswer {
  readonly header: Header
  readonly pairs: readonly StoredPair[]
  /** There are more than `limit`. */
  readonly more: boolean
  /** Of all keys from `key` to `end`, whatever was left out. */
  readonly count: number
}

export interface StoredPair {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly revision: number
  readonly leased: boolean
}

export interface TransactionAnswer {
  readonly header: Header
  readonly succeeded: boolean
}

export const range: Method<RangeQuestion, RangeAnswer> = {
  path: '/etcdserverpb.KV/Range',
  encode(question) {
    const fields: Fields = []
    addBytes(fields, 1, question.key)
    if (question.end) addBytes(fields, 2, question.end)
    addNumber(fields, 3, question.limit ?? 0)
    addNumber(fields, 4, question.revision ?? 0)
    addBool(fields, 8, question.keysOnly ?? false)
    addBool(fields, 9, question.countOnly ?? false)
    addNumber(fields, 10, question.fromRevision ?? 0)
    return Buffer.concat(fields)
  },
  decode(answer) {
    let header = noHeader
    const pairs: StoredPair[] = []
    let more = false
    let count = 0
    for (const { field, number, bytes } of readFields(answer)) {
      if (field === 1) header = readHeader(bytes)
      else if (field === 2) pairs.push(readPair(bytes))
      else if (field === 3) more = number !== 0n
      else if (field === 4) count = Number(number)
    }
    return { header, pairs, more, count }
  },
}

export const transaction: Method<Pick<KeyValueTransaction, 'guards' | 'operations'>, TransactionAnswer> = {
  path: '/etcdserverpb.KV/Txn',
  encode({ guards, operations }) {
    const fields: Fields = []
    for (const { key, revision } of guards) {
      // result 0 (equal) is the default and stays out; target 2 is MOD; a key that is not there has revision 0.
      const compare: Fields = []
      addNumber(compare, 2, 2)
      addBytes(compare, 3, key)
      addRevision(compare, 6, revision)
      addMessage(fields, 1, compare)
    }
    for (const operation of operations) {
      const request: Fields = []
      addBytes(request, 1, operation.key)
      if (operation.op === 'put') addBytes(request, 2, operation.value)
      const choice: Fields = []
      addMessage(choice, operation.op === 'put' ? 2 : 3, request)
      addMessage(fields, 2, choice)
    }
    return Buffer.concat(fields)
  },
  decode(answer) {
    let header = noHeader
    let succeeded = false
    for (const { field, number, bytes } of readFields(answer)) {
      if (field === 1) header = readHeader(bytes)
      else if (field === 2) succeeded = number !== 0n
    }
    return { header, succeeded }
  },
}

export const authenticate: Method<{ readonly username: string; readonly password: string }, string> = {
  path: '/etcdserverpb.Auth/Authenticate',
  encode({ username, password }) {
    const fields: Fields = []
    addBytes(fields, 1, username)
    addBytes(fields, 2, password)
    return Buffer.concat(fields)
  },
  decode(answer) {
    for (const { field, bytes } of readFields(answer)) if (field === 2) return Buffer.from(bytes).toString('utf8')
    return ''
  },
}

export const noHeader: Header = { cluster: 0n, revision: 0 }

export function readHeader(message: Uint8Array): Header {
  let { cluster, revision } = noHeader
  for (const { field, number } of readFields(message)) {
    if (field === 1) cluster = number
    else if (field === 3) revision = Number(number)
  }
  return { cluster, revision }
}

export function readPair(message: Uint8Array): StoredPair {
  let key: Uint8Array = new Uint8Array(0)
  let value = key
  let revision = 0
  let leased = false
  for (const { field, number, bytes } of readFields(message)) {
    if (field === 1) key = bytes
    else if (field === 3) revision = Number(number)
    else if (field === 5) value = bytes
    else if (field === 6) leased = number !== 0n
  }
  return { key, value, revision, leased }
}

/** A `oneof` field: 0 must be on the wire, or the server does not see which member is meant. */
function addRevision(fields: Fields, field: number, revision: number): void {
  if (revision === 0) fields.push(Uint8Array.of(field * 8, 0))
  else addNumber(fields, field, revision)
}

/** A key as text; null: it is none. */
export function nameOf(key: Uint8Array): string | null {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length)
  const name = bytes.toString('utf8')
  return name.includes('\ufffd') && !Buffer.from(name, 'utf8').equals(bytes) ? null : name
}
