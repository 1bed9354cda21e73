/** Any change to history is noticed, and where. On the walker, and through SQLite with a file that was tampered with. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createFakeClock } from '../engine/testing/fake-clock.ts'
import { entry } from '../engine/testing/journal-rows.ts'
import { put, type Head, type Verdict } from '../engine/journal.ts'
import { engineTables, entries } from '../engine/tables.ts'
import { silentLogger } from '../kernel/logger.ts'
import { blockOf, encodeDraft, origin, walkChain, type Block, type EventCells } from './chain.ts'
import { databaseFile } from './holder.ts'
import { openSqliteJournal } from './sqlite/journal.ts'

interface History {
  readonly blocks: { block: Block; events: EventCells[] }[]
  readonly head: Head
}

function historyOf(sizes: readonly number[]): History {
  const blocks: History['blocks'] = []
  let head = origin
  for (const [at, size] of sizes.entries()) {
    const events = Array.from({ length: size }, (_, n): EventCells => {
      const draft = encodeDraft({ type: 'entry.changed', sync: 's', key: `k${n}`, data: { n } })
      return [head.seq + n + 1, 1000 + at, ...draft]
    })
    const block = blockOf(head, 1000 + at, events)
    blocks.push({ block, events })
    head = { seq: block.last, hash: block.hash }
  }
  return { blocks, head }
}

function verdictOf({ blocks, head }: History, anchor: Head = origin): Verdict {
  const walker = walkChain(anchor)
  for (const { block, events } of blocks) walker.step(block, events)
  return walker.finish(head)
}

const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 6 })
const pick = fc.nat()

describe('hash chain', () => {
  it('verifies what was written, also from an anchor', () => {
    fc.assert(
      fc.property(sizes, pick, (lengths, at) => {
        const history = historyOf(lengths)
        assert.ok(verdictOf(history).ok)
        const cut = at % history.blocks.length
        const { block } = history.blocks[cut]!
        const rest = { ...history, blocks: history.blocks.slice(cut + 1) }
        assert.ok(verdictOf(rest, { seq: block.last, hash: block.hash }).ok)
      }),
    )
  })

  it('notices any single change, at the block where it is', () => {
    const changes: Record<string, (history: History, at: number) => void> = {
      'an event is altered': ({ blocks }, at) => {
        const { events } = blocks[at]!
        events[0] = [...events[0]!.slice(0, 2), 'entry.forged', ...events[0]!.slice(3)] as unknown as EventCells
      },
      'an event is removed': ({ blocks }, at) => void blocks[at]!.events.pop(),
      'an event is added': ({ blocks }, at) => void blocks[at]!.events.push(blocks[at]!.events[0]!),
      'a block is altered': ({ blocks }, at) => {
        blocks[at]!.block = { ...blocks[at]!.block, at: 1 }
      },
      'a block is removed': ({ blocks }, at) => void blocks.splice(at, 1),
      'a block is hashed anew': ({ blocks }, at) => {
        const { block, events } = blocks[at]!
        events[0] = [...events[0]!.slice(0, 2), 'entry.forged', ...events[0]!.slice(3)] as unknown as EventCells
        blocks[at]!.block = blockOf({ seq: block.first - 1, hash: block.prev }, block.at, events)
      },
    }
    fc.assert(
      fc.property(sizes, pick, fc.constantFrom(...Object.keys(changes)), (lengths, seed, change) => {
        const history = historyOf(lengths)
        const at = seed % history.blocks.length
        const { first } = history.blocks[at]!.block
        changes[change]!(history, at)
        const verdict = verdictOf(history)
        assert.ok(!verdict.ok, change)
        assert.ok(verdict.at >= first, `${change} at ${first}, told ${verdict.at}`)
      }),
      { numRuns: 300 },
    )
  })

  const forgeries: Record<string, [string, number]> = {
    'an altered event': [`UPDATE "event" SET "actor" = 'nobody' WHERE "seq" = 5`, 5],
    'a removed event': [`DELETE FROM "event" WHERE "seq" = 5`, 5],
    'a removed block': [`DELETE FROM "block" WHERE "first" = 5; DELETE FROM "event" WHERE "seq" = 5`, 5],
    'a removed first block': [`DELETE FROM "block" WHERE "first" = 1; DELETE FROM "event" WHERE "seq" = 1`, 1],
    'a removed end': [`DELETE FROM "block" WHERE "first" = 9; DELETE FROM "event" WHERE "seq" = 9`, 9],
    'an event behind the end': [`INSERT INTO "event" ("seq", "at", "type") VALUES (12, 0, 'entry.forged')`, 12],
    'an altered head': [`UPDATE "head" SET "hash" = 'f00'`, 9],
  }
  for (const [name, [sql, at]] of Object.entries(forgeries)) {
    it(`tells of ${name} in a file`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'regista-chain-'))
      const path = databaseFile(folder)
      const open = () =>
        openSqliteJournal({ path, tables: engineTables, clock: createFakeClock(), logger: silentLogger })
      const first = await open()
      for (let n = 1; n <= 9; n += 1) {
        await first.commit([put(entries, entry('s', `k${n}`), { type: 'entry.appeared', actor: 'a' })])
      }
      assert.ok((await first.verify()).ok)
      await first.close()
      const db = new DatabaseSync(path)
      db.exec(sql)
      db.close()
      const second = await open()
      try {
        const verdict = await second.verify()
        assert.deepEqual({ ok: verdict.ok, at: 'at' in verdict && verdict.at }, { ok: false, at })
      } finally {
        await second.close()
        await rm(folder, { recursive: true })
      }
    })
  }
})
