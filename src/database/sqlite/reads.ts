/** What is read of the file, by a thread of its own (reader.ts) or on the connection that writes (writes.ts). */
import { backup } from 'node:sqlite'
import type { Head, Seq, Verdict } from '../../engine/journal.ts'
import type { Cell } from '../cells.ts'
import { eventColumns, walkChain, type Block, type ChainWalker, type EventCells } from '../chain.ts'
import { quote } from '../query-sql.ts'
import { connect, type Connection } from './connection.ts'
import { checkFile, forgetIdentity, settleCopy } from './file.ts'
import { readHead } from './ledger.ts'
import type { Handlers, Part } from './link.ts'
import { createScans } from './scan.ts'

/** Rows in one message to the main thread: bounds how long that one is busy with it. */
const partRows = 500
/** Events walked between two other reads. */
const stepEvents = 5000

interface Walk {
  readonly snapshot: Connection
  readonly walker: ChainWalker
  readonly from: Seq
  readonly head: Head
  next: Seq
}

/** `connection`: opened with the first read. A long read has its snapshot, on a connection of its own. */
export function createReads(path: string, connection: () => Connection): Handlers['each'] {
  let walk: Walk | null = null
  return {
    rows(part: Part, text: string, values: readonly Cell[]) {
      let rows: Cell[][] = []
      for (const row of connection().iterate(text, values)) {
        rows.push(row)
        if (rows.length === partRows) {
          part(rows)
          rows = []
        }
      }
      if (rows.length > 0) part(rows)
    },
    ...createScans(() => connect(path, { readOnly: true })),
    head: () => readHead(connection()),
    verifyStart() {
      walk?.snapshot.close()
      // A connection of its own, because its snapshot lasts over many calls.
      const snapshot = connect(path, { readOnly: true })
      snapshot.exec('BEGIN')
      const [seq, hash] = snapshot.get('SELECT "anchorSeq", "anchorHash" FROM "head"') as [number, string]
      walk = { snapshot, walker: walkChain({ seq, hash }), from: seq + 1, head: readHead(snapshot), next: seq + 1 }
    },
    verifyStep: (): Verdict | null => step(walk!),
    verifyEnd() {
      walk?.snapshot.close()
      walk = null
    },
    async copy(_, to: string) {
      // SQLite copies nothing from a connection that is just writing.
      const snapshot = connect(path, { readOnly: true })
      try {
        await backup(snapshot.db, to)
      } finally {
        snapshot.close()
      }
      settleCopy(to)
    },
    check: () => checkFile(path),
    forgetIdentity: () => forgetIdentity(path),
  }
}

const blockSql = `SELECT "first", "last", "prev", "hash", "at", "count" FROM "block" WHERE "first" >= ? ORDER BY "first" LIMIT 1`
const eventsSql = `SELECT ${eventColumns.map(quote).join(', ')} FROM "event" WHERE "seq" BETWEEN ? AND ? ORDER BY "seq"`
const straySql = 'SELECT min("seq") FROM "event" WHERE "seq" < ? OR "seq" > ?'

/** Walks some blocks on; null: there are more. */
function step(walk: Walk): Verdict | null {
  const { snapshot, walker, head, from } = walk
  const end = walk.next + stepEvents
  while (walk.next < end) {
    const row = snapshot.get(blockSql, [walk.next]) as [number, number, string, string, number, number] | undefined
    if (!row) return walker.finish(head, snapshot.get(straySql, [from, head.seq])![0] as number | null)
    const [first, last, prev, hash, at, count] = row
    const block: Block = { first, last, prev, hash, at, count }
    const events = snapshot.all(eventsSql, [walk.next, last]) as unknown as EventCells[]
    if (!walker.step(block, events)) return walker.finish(head)
    walk.next = last + 1
  }
  return null
}
