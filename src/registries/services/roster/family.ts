/**
 * Who is below whom: children as linked lists in the columns. A child may come before its parent (the order of the
 * ledger is not that of the tree): it waits under the id of its parent until that comes.
 */
import type { AllColumns } from './columns.ts'
import { noSlot, type Slot } from './roster.ts'

export interface Family {
  /** Puts a child that has no parent below this one. */
  link(child: Slot, parent: Slot): void
  /** Its parent is not there: `key` is what that will say when it comes. */
  await(child: Slot, key: string): void
  /** Takes a child away from its parent, or from waiting. */
  unlink(child: Slot): void
  /** Whether anybody waits. */
  isAwaited(): boolean
  /** Who waits for this one. */
  awaiting(key: string): readonly Slot[]
  /** All who wait for this one are its children now. */
  adopt(parent: Slot, key: string): void
  /** All children of this one wait for it. */
  orphan(parent: Slot, key: string): void
  /** For whom it waits. */
  awaited(child: Slot): string | null
}

export function createFamily(columns: AllColumns): Family {
  /** First of those who wait for a parent. */
  const waiting = new Map<string, Slot>()
  const awaitedBy = new Map<Slot, string>()

  /** Puts it before another in a list. */
  function prepend(child: Slot, first: Slot): void {
    columns.previousSibling[child] = noSlot
    columns.nextSibling[child] = first
    if (first !== noSlot) columns.previousSibling[first] = child
  }

  function link(child: Slot, parent: Slot): void {
    prepend(child, columns.firstChild[parent]!)
    columns.firstChild[parent] = child
    columns.parent[child] = parent
    columns.children[parent]! += 1
  }

  function wait(child: Slot, key: string): void {
    prepend(child, waiting.get(key) ?? noSlot)
    waiting.set(key, child)
    awaitedBy.set(child, key)
  }

  function unlink(child: Slot): void {
    const parent = columns.parent[child]!
    const key = awaitedBy.get(child)
    if (parent === noSlot && key === undefined) return
    const before = columns.previousSibling[child]!
    const after = columns.nextSibling[child]!
    if (before !== noSlot) columns.nextSibling[before] = after
    else if (parent !== noSlot) columns.firstChild[parent] = after
    else if (after !== noSlot) waiting.set(key!, after)
    else waiting.delete(key!)
    if (after !== noSlot) columns.previousSibling[after] = before
    if (parent !== noSlot) columns.children[parent]! -= 1
    columns.parent[child] = columns.nextSibling[child] = columns.previousSibling[child] = noSlot
    awaitedBy.delete(child)
  }

  function adopt(parent: Slot, key: string): void {
    for (const child of awaiting(key).toReversed()) {
      unlink(child)
      link(child, parent)
    }
  }

  function orphan(parent: Slot, key: string): void {
    for (const child of listFrom(columns.firstChild[parent]!).toReversed()) {
      unlink(child)
      wait(child, key)
    }
  }

  function awaiting(key: string): Slot[] {
    return listFrom(waiting.get(key) ?? noSlot)
  }

  function listFrom(first: Slot): Slot[] {
    const list: Slot[] = []
    for (let slot = first; slot !== noSlot; slot = columns.nextSibling[slot]!) list.push(slot)
    return list
  }

  return {
    link,
    await: wait,
    unlink,
    isAwaited: () => waiting.size > 0,
    awaiting,
    adopt,
    orphan,
    awaited: (child) => awaitedBy.get(child) ?? null,
  }
}
