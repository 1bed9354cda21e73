/** Reads the log: all of it at start, and where other processes write to it, what they wrote since. */
import type { Journal } from '../../../engine/journal.ts'
import type { Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { serviceTypes } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import { livenessLog, type LivenessRow } from '../tables.ts'
import { blobHead, decodeBlob, healthGood, healthUnsaid, idText, type Each, type Locate } from './codec.ts'
import { bootAt, healthSaid, healthy, heardAt, lastSeenAt, sequenceAt, stride, type BeatColumns } from './columns.ts'
import type { LeaseClock } from './lease-clock.ts'
import type { Shelf } from './shelf.ts'

const leastPage = 8
const mostPage = 1_024
/** More bytes than this in a page, and the next one is smaller. */
const pageBytes = 4 << 20
/** Every so many times all writers are asked, whatever their number of blobs says. */
const askAllEvery = 30

export interface Replay {
  /** Every blob there is; the lease clock goes on from the newest. Only before the process hears anybody. */
  load(): Promise<void>
  /** What other writers wrote since. Calls back for each service that they heard of since we did. */
  follow(heard: (slot: Slot) => void): Promise<void>
}

export function createReplay(parts: {
  readonly journal: Journal
  readonly roster: Roster
  readonly columns: BeatColumns
  readonly lease: LeaseClock
  readonly shelf: Shelf
  readonly logger: Logger
  readonly writer: string
}): Replay {
  const { journal, lease, shelf, logger } = parts
  /** Last blob read of each writer, and how many it had then. */
  const read = new Map<string, { n: number; count: number }>()
  let follows = 0

  function take(row: LivenessRow, at: (blobLease: Ms) => Ms, heard?: (slot: Slot) => void): number {
    shelf.add(row.writer, row.n, row.body.length)
    read.set(row.writer, { n: row.n, count: read.get(row.writer)?.count ?? 0 })
    const head = blobHead(row.body)
    const whole =
      head !== null && decodeBlob(row.body, head, locator(parts), taker(parts, at(head.lease) - head.lease, heard))
    if (!whole) logger.warn({ writer: row.writer, n: row.n }, 'a damaged blob of the liveness log was left out')
    if (heard && head) lease.keepUpWith(head.lease)
    return head?.lease ?? 0
  }

  async function load(): Promise<void> {
    // It may have failed half-way before.
    shelf.clear()
    let newest: Ms = 0
    let after: (string | number)[] | undefined
    for (let limit = leastPage; ;) {
      const page = await journal.select(livenessLog, { limit, ...(after ? { after } : {}) })
      let bytes = 0
      for (const row of page) {
        newest = Math.max(
          newest,
          take(row, (blobLease) => blobLease),
        )
        bytes += row.body.length
      }
      const last = page.at(-1)
      if (!last) break
      after = [last.writer, last.n]
      limit = bytes > pageBytes ? Math.max(leastPage, limit >> 1) : Math.min(mostPage, limit * 2)
    }
    lease.resume(newest)
  }

  async function follow(heard: (slot: Slot) => void): Promise<void> {
    const all = follows % askAllEvery === 0
    follows += 1
    for (const { by, count } of await journal.count(livenessLog, {}, ['writer'])) {
      const writer = String(by[0])
      if (count < shelf.countOf(writer)) await prune(writer)
      const known = read.get(writer)
      if (writer === parts.writer || (!all && known?.count === count)) continue
      await followOne(writer, heard)
      read.set(writer, { n: read.get(writer)?.n ?? -1, count })
    }
  }

  async function followOne(writer: string, heard: (slot: Slot) => void): Promise<void> {
    for (;;) {
      const above = read.get(writer)?.n ?? -1
      const page = await journal.select(livenessLog, { where: { writer, n: { above } }, limit: leastPage })
      // As if it were written just now: what its writer was silent of is known, when it was written is not.
      for (const row of page) take(row, () => lease.now, heard)
      if (page.length < leastPage) return
    }
  }

  /** Another process wrote the log anew, and dropped some of it. */
  async function prune(writer: string): Promise<void> {
    const rows = await journal.select(livenessLog, { where: { writer }, without: ['body'] })
    shelf.keepOnly(writer, new Set(rows.map(({ n }) => n)))
  }

  return { load, follow }
}

/** Services come in the order of the roster more often than not, after as many purged ones as before. */
function locator({ roster }: { readonly roster: Roster }): Locate {
  let last: Slot = 0
  return (type, step, bytes, idAt) => {
    const guess = last + step
    const fits = guess < roster.end && roster.columns.type[guess] === type && roster.isIdIn(guess, bytes, idAt)
    const slot = fits ? guess : roster.find(serviceTypes[type] ?? 'poller', idText(bytes, idAt))
    last = slot === noSlot ? guess : slot
    return slot
  }
}

/** Takes what is newer than what is known. */
function taker({ columns }: { readonly columns: BeatColumns }, shift: Ms, heardOf?: (slot: Slot) => void): Each {
  return (slot, health, lastSeen, heard, boot, sequence) => {
    if (slot >= columns.flags.length) columns.ensure(slot)
    const { beats, flags } = columns
    const base = slot * stride
    const at = heard + shift
    const known = beats[base + heardAt]!
    if (at > known) {
      beats[base + heardAt] = at
      heardOf?.(slot)
    }
    const before = beats[base + lastSeenAt]!
    if (lastSeen < before || (lastSeen === before && at < known)) return
    beats[base + lastSeenAt] = lastSeen
    beats[base + bootAt] = boot
    beats[base + sequenceAt] = sequence
    const said = health === healthUnsaid ? 0 : healthSaid | (health === healthGood ? healthy : 0)
    flags[slot] = (flags[slot]! & ~(healthSaid | healthy)) | said
  }
}
