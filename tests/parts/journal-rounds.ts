/** Rounds of killing a writer and looking at what is left: shared by the fault test and the proof. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Journal } from '../../src/engine/journal.ts'
import { entries } from '../../src/engine/tables.ts'

export interface Writer {
  readonly child: ChildProcess
  /** Acknowledged: key → position. */
  readonly acknowledged: Map<string, number>
  /** Keys that were acknowledged together. */
  readonly commits: string[][]
  /** Resolves when so many commits were acknowledged, or the writer ended. */
  reached(commits: number): Promise<void>
  kill(): Promise<void>
}

export function startWriter(place: string, name: string, lanes = 8, rows = 0): Writer {
  const file = fileURLToPath(new URL('./journal-writer.ts', import.meta.url))
  const child = spawn(process.execPath, [file, place, name, String(lanes), String(rows)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acknowledged = new Map<string, number>()
  const commits: string[][] = []
  let rest = ''
  let wake = () => {}
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const words = line.split(' ')
      const keys: string[] = []
      for (let at = 0; at < words.length; at += 2) {
        keys.push(words[at]!)
        acknowledged.set(words[at]!, Number(words[at + 1]))
      }
      commits.push(keys)
    }
    wake()
  })
  const closed = once(child, 'close').then(() => wake())
  return {
    child,
    acknowledged,
    commits,
    async reached(count) {
      while (commits.length < count && child.exitCode === null && child.signalCode === null) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
  }
}

/** Everything acknowledged is there, every row has its event, commits are whole, and the chain verifies. */
export async function checkLedger(
  journal: Journal,
  writers: readonly { name: string; writer: Writer }[],
): Promise<void> {
  const verdict = await journal.verify()
  assert.ok(verdict.ok, JSON.stringify(verdict))
  for (const { name, writer } of writers) {
    const rows = new Map((await journal.select(entries, { where: { sync: name } })).map((row) => [row.key, row.seq]))
    for (const [key, seq] of writer.acknowledged) assert.equal(rows.get(key), seq, `${key} was acknowledged at ${seq}`)
    const events = await journal.events({ sync: name })
    assert.deepEqual(
      events.map((event) => [event.key, event.seq]),
      [...rows].toSorted((a, b) => a[1] - b[1]),
    )
  }
}
