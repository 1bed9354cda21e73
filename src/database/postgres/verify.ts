import type { Head, Seq, Verdict } from '../../engine/journal.ts'
import { eventColumns, walkChain, type Block, type EventCells } from '../chain.ts'
import { quote } from '../query-sql.ts'
import { query, type Client } from './connections.ts'
import { readHead, transact } from './ledger.ts'

/** Blocks and events read at once: bounds the memory. */
const mostBlocks = 500
const mostEvents = 20_000

/** Walks the chain in one snapshot, so that writers and retention go on beside it. */
export function verifyChain(client: Client, signal?: AbortSignal): Promise<Verdict> {
  return transact(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', async () => {
    const [anchor] = await query(client, { text: 'SELECT "anchorSeq", "anchorHash" FROM "head"', values: [] })
    const from: Head = { seq: anchor![0] as number, hash: anchor![1] as string }
    const head = await readHead(client)
    const walker = walkChain(from)
    let next: Seq = from.seq + 1
    for (;;) {
      signal?.throwIfAborted()
      const blocks = await readBlocks(client, next)
      if (blocks.length === 0) return walker.finish(head, await readStray(client, from.seq, head.seq))
      const events = await readEvents(client, next, blocks.at(-1)!.last)
      let at = 0
      for (const block of blocks) {
        let end = at
        while (end < events.length && events[end]![0] <= block.last) end += 1
        if (!walker.step(block, events.slice(at, end))) return walker.finish(head)
        at = end
      }
      next = blocks.at(-1)!.last + 1
    }
  })
}

async function readBlocks(client: Client, next: Seq): Promise<Block[]> {
  const rows = await query(client, {
    text: `SELECT "first", "last", "prev", "hash", "at", "count" FROM "block"
      WHERE "first" >= $1 AND "first" <= greatest($2, (SELECT min("first") FROM "block" WHERE "first" >= $1))
      ORDER BY "first" LIMIT ${mostBlocks}`,
    values: [next, next + mostEvents],
  })
  return (rows as [number, number, string, string, number, number][]).map(([first, last, prev, hash, at, count]) => ({
    first,
    last,
    prev,
    hash,
    at,
    count,
  }))
}

async function readEvents(client: Client, first: Seq, last: Seq): Promise<EventCells[]> {
  const rows = await query(client, {
    text: `SELECT ${eventColumns.map(quote).join(', ')} FROM "event" WHERE "seq" BETWEEN $1 AND $2 ORDER BY "seq"`,
    values: [first, last],
  })
  return rows as unknown as EventCells[]
}

async function readStray(client: Client, anchor: Seq, head: Seq): Promise<Seq | null> {
  const [row] = await query(client, {
    text: 'SELECT min("seq") FROM "event" WHERE "seq" <= $1 OR "seq" > $2',
    values: [anchor, head],
  })
  return row![0] as number | null
}
