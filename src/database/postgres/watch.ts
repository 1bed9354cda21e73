/**
 * Notices that the head moved, whoever moved it. LISTEN makes it soon; polling the head makes it
 * sure, so that no promise rests on LISTEN.
 */
import type pg from 'pg'
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Seq } from '../../engine/journal.ts'
import type { Notice } from '../notice.ts'
import type { OwnClient } from './connections.ts'
import { readHead } from './ledger.ts'
import { channel } from './sql.ts'

const pollEvery: Ms = 250

export interface HeadWatch {
  /** Begins with the first subscriber. */
  start(): void
  stop(): Promise<void>
}

export function watchHead(options: { pool: pg.Pool; listener: OwnClient; clock: Clock; notice: Notice }): HeadWatch {
  const { pool, listener, clock, notice } = options
  const stopping = new AbortController()
  const { signal } = stopping
  let running: Promise<void> | null = null
  let listening: pg.Client | null = null
  let seen: Seq | null = null

  const listen = async (): Promise<void> => {
    const client = await listener.get()
    if (client === listening || signal.aborted) return
    client.on('notification', notice.moved)
    client.on('end', () => {
      if (listening === client) listening = null
    })
    await client.query(`LISTEN ${channel}`)
    listening = client
  }
  const poll = async (): Promise<void> => {
    const { seq } = await readHead(pool)
    // The first time too: it may have moved while the first subscriber was waiting for this.
    if (seq !== seen) notice.moved()
    seen = seq
  }
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      // Either may fail while the server is away: the next round tries again.
      await Promise.allSettled([listen(), poll()])
      await clock.sleep(pollEvery, signal)
    }
  }
  return {
    start() {
      running ??= run()
    },
    async stop() {
      stopping.abort()
      await running
      await listener.close()
    },
  }
}
