/** Servers that a benchmark compares, each as a process that prints its port, and the load as another that prints a result. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HttpResult, SocketLoad } from './socket-load.ts'

/** A server and a load, as files beside this one. */
export interface Compared {
  readonly server: string
  /** Its arguments, given a scratch folder. */
  readonly of: (folder: string) => readonly string[]
  readonly load: string
  readonly asking: (port: number) => SocketLoad
}

/** What the load measured at the server, which is killed afterwards. */
export async function measureLoad({ server: file, of, load, asking }: Compared): Promise<HttpResult> {
  const folder = await mkdtemp(join(tmpdir(), 'regista-bench-'))
  const server = start(file, ...of(folder))
  try {
    const port = Number(await firstLine(server))
    return JSON.parse(await firstLine(start(load, JSON.stringify(asking(port))))) as HttpResult
  } finally {
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true })
  }
}

function start(file: string, ...parameters: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, file), ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = ''
  for await (const part of child.stdout!.setEncoding('utf8')) {
    text += part
    if (text.includes('\n') || text.endsWith('}')) return text.trim()
  }
  throw new Error('a process of the benchmark ended without an answer')
}

export function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
