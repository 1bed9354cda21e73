/**
 * Writing the WAL back into the file, nearly all of it by a thread of its own. SQLite's way is that one commit in many
 * does it for all: with keys all over a large index that commit takes 60 to 90 ms, and who waits behind it as well (p99 of
 * 128 who register into 1,000,000 services: 73 → 33 ms, 2026-11-21).
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { endianness } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Connection } from './connection.ts'

export const usualBounds: Bounds = { begin: 4000, few: 256, enough: 8000, most: 32_000 }

export interface Bounds {
  /** Pages that came into the WAL since it was last written back: 16 MB, so that one which changes often is written once. */
  readonly begin: number
  /**
   * A WAL begins anew only when all of it is in the file at the moment of a commit, which under steady load only the writer
   * can bring about: it writes the rest back itself, which takes it an fsync of the file. It does so when the WAL has
   * `enough` pages (a file that grows costs more to sync than one that is written over) and no more than a `few` are left.
   */
  readonly few: number
  readonly enough: number
  /** Pages in the WAL at which the writer does it however many are left: 128 MB, so that it is seldom. */
  readonly most: number
}

export interface Checkpoints {
  /** To be called after each commit; costs a read of four bytes. */
  committed(): void
  /** Ends the thread. */
  stop(): Promise<void>
  /** After the connection: closing the file lets go of all locks that this process has on it (fcntl(2)). */
  close(): void
}

export function createCheckpoints(
  path: string,
  connection: Connection,
  { begin, few, enough, most }: Bounds = usualBounds,
): Checkpoints {
  connection.exec('PRAGMA wal_autocheckpoint = 0')
  const index = openSync(`${path}-shm`, 'r')
  const bytes = Buffer.alloc(4)
  let thread: Worker | null = null
  let underWay = false
  /** How far into the WAL it was last written back, and how much had come meanwhile. */
  let done = 0
  let left = Infinity

  /** Pages in the WAL: mxFrame of its index, in the machine's byte order (sqlite.org/walformat.html, section 2.2). */
  const pages = (): number => {
    readSync(index, bytes, 0, 4, 16)
    return endianness() === 'LE' ? bytes.readUInt32LE() : bytes.readUInt32BE()
  }
  const start = (): Worker => {
    const file = new URL(`./checkpointer${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)
    const worker = new Worker(file, { workerData: path, resourceLimits: { maxYoungGenerationSizeMb: 1 } })
    worker.on('message', (written: number) => {
      const now = pages()
      const before = left
      left = now - written
      done = written
      // Once more while that leaves much less: in the end the rest is small.
      underWay = now >= enough && now < most && left > few && left < before / 2
      if (underWay) return ask(worker)
      if (now >= most || (now >= enough && left <= few)) done = writeBack(connection)
      left = Infinity
    })
    // Without it SQLite's way it is.
    worker.on('error', () => connection.exec(`PRAGMA wal_autocheckpoint = ${begin}`))
    return worker
  }
  return {
    committed() {
      if (underWay) return
      const now = pages()
      // It began anew.
      if (now < done) done = 0
      if (now - done < begin) return
      underWay = true
      thread ??= start()
      ask(thread)
    },
    async stop() {
      await thread?.terminate()
    },
    close: () => closeSync(index),
  }
}

function ask(thread: Worker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows, this is a thread
  thread.postMessage(null)
}

/** As much as readers allow; answers how many pages of the WAL are in the file. The others are later: the WAL holds them. */
export function writeBack(connection: Connection): number {
  try {
    const [, , written] = connection.get('PRAGMA wal_checkpoint(PASSIVE)') as [number, number, number]
    // -1 where another connection is just doing it.
    return Math.max(0, written)
  } catch {
    // A full disk, mostly: the next commit finds out and says so.
    return 0
  }
}
