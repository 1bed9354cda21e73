/** What the parts of the key-value contract share. */
import assert from 'node:assert/strict'
import type { KeyValue, KeyValueOperation, KeyValueTransaction } from '../key-value.ts'

export interface Ground {
  readonly store: () => KeyValue
  readonly prefix: string
}

export async function write({ store }: Ground, operations: readonly KeyValueOperation[], guards: Guards = []) {
  return store().write({ guards, operations }, signal)
}

export async function revisionOf(ground: Ground, operations: readonly KeyValueOperation[], guards: Guards = []) {
  const answer = await write(ground, operations, guards)
  assert.ok(answer !== 'conflict')
  return answer.revision
}

export async function read({ store }: Ground, key: string) {
  const { pairs } = await store().range({ prefix: key }, signal)
  return pairs.find((pair) => pair.key === key)
}

export type Guards = KeyValueTransaction['guards']

export const { signal } = new AbortController()
export const bytes = (text: string) => new TextEncoder().encode(text)
export const text = (value: Uint8Array | undefined) => (value ? new TextDecoder().decode(value) : null)
export const putOf = (key: string, value: string): KeyValueOperation => ({ op: 'put', key, value: bytes(value) })
export const deleteOf = (key: string): KeyValueOperation => ({ op: 'delete', key })
