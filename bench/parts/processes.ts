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
  try {
    await using server = await startServer(file, ...of(folder))
    return await runLoad(load, asking(server.port))
  } finally {
    await rm(folder, { recursive: true })
  }
}

export interface BareServer extends AsyncDisposable {
  readonly port: number
}

/** A server that prints its port, until it is disposed of. */
export async function startServer(file: string, ...parameters: readonly string[]): Promise<BareServer> {
  const server = start(file, ...parameters)
  return {
    port: Number(await firstLine(server)),
    async [Symbol.asyncDispose]() {
      const ended = once(server, 'exit')
      server.kill('SIGKILL')
      await ended
    },
  }
}

/** What a load prints at its end. */
export async function runLoad<R = HttpResult>(file: string, asked: { readonly port: number }): Promise<R> {
  return JSON.parse(await firstLine(start(file, JSON.stringify(asked)))) as R
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
