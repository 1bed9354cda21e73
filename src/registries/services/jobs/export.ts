/** Where archived registrations go: a folder or a server, as gzipped JSON lines. */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip as gzipWithCallback } from 'node:zlib'
import { HttpFailure, type Http } from '../../../connectors/http/client.ts'
import { isoTime, type Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { fullJitter, type Random } from '../../../kernel/retry.ts'

const gzip = promisify(gzipWithCallback)

export interface Exporter {
  /** Durable when it resolves; the same name again replaces what it held. Answers where it is. */
  write(name: string, lines: string, signal: AbortSignal): Promise<string>
}

export function folderExporter(folder: string): Exporter {
  return {
    async write(name, lines) {
      const bytes = await gzip(lines)
      await mkdir(folder, { recursive: true })
      const half = join(folder, `.${name}.half`)
      try {
        await writeDurably(half, bytes)
        await rename(half, join(folder, name))
        await syncFolder(folder)
      } catch (thrown) {
        await rm(half, { force: true }).catch(() => {})
        const full = (thrown as NodeJS.ErrnoException).code === 'ENOSPC'
        throw new AppError(full ? 'storage.full' : 'target.unavailable', `archive folder ${folder}`, { cause: thrown })
      }
      return join(folder, name)
    },
  }
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The name of a file is durable with its folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const backoff = { first: 1_000, most: 30_000 }
const mostTries = 5

export interface UrlParts {
  readonly http: Pick<Http, 'request'>
  readonly clock: Clock
  readonly random: Random
}

/** Files are put below `url`; a name and password in it become a header, and are in no error. */
export function urlExporter(url: string, { http, clock, random }: UrlParts): Exporter {
  const { origin, pathname, search, username, password } = new URL(url)
  const folder = pathname.replace(/\/?$/, '/')
  const login = [username, password].map(decodeURIComponent).join(':')
  const headers = {
    'content-type': 'application/gzip',
    ...(username !== '' && { authorization: `Basic ${Buffer.from(login).toString('base64')}` }),
  }

  /** null: worth another try. */
  async function tryOnce(path: string, body: Buffer, signal: AbortSignal): Promise<AppError | 'done' | null> {
    try {
      const answer = await http.request({ method: 'PUT', origin, path, headers, body, timeout: 60_000 }, signal)
      answer.dump()
      if (answer.status >= 200 && answer.status < 300) return 'done'
      if (answer.status >= 500 || answer.status === 429 || answer.status === 408) return null
      return new AppError('target.refused', `${origin} answered HTTP ${answer.status} to the archive`)
    } catch (thrown) {
      if (thrown instanceof HttpFailure) return null
      throw thrown
    }
  }

  return {
    async write(name, lines, signal) {
      const body = await gzip(lines)
      const path = `${folder}${name}${search}`
      for (let tries = 0; tries < mostTries; tries += 1) {
        if (tries > 0) await clock.sleep(fullJitter(tries - 1, backoff, random), signal)
        signal.throwIfAborted()
        const came = await tryOnce(path, body, signal)
        if (came === 'done') return `${origin}${folder}${name}`
        if (came !== null) throw came
      }
      throw new AppError('target.unavailable', `${origin} does not take the archive`)
    },
  }
}

/** `services-2026-11-21-48211.jsonl.gz`: of one day and one position of the ledger there is one file. */
export function exportName(at: number, position: number): string {
  return `services-${isoTime(at).slice(0, 10)}-${position}.jsonl.gz`
}
