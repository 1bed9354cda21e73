/** Ports as Go's package net takes them, and what it says of those that cannot be had. */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:net'

/** A number, or the name of a service. Throws in Go's words. */
export function portOf(text: string, services = readServices()): number {
  if (/^[+-]?\d+$/.test(text)) {
    const port = Number(text)
    if (port < 0 || port > 65_535) throw new Error(`listen tcp: address ${text}: invalid port`)
    return port
  }
  const port = services.get(text.toLowerCase())
  if (port === undefined) throw new Error(`listen tcp: lookup tcp/${text}: unknown port`)
  return port
}

/** Name → TCP port. */
function readServices(): ReadonlyMap<string, number> {
  let text = ''
  try {
    text = readFileSync('/etc/services', 'utf8')
  } catch {
    // Then the few that Go itself knows.
  }
  const found = [...text.matchAll(/^([\w+.-]+)\s+(\d+)\/tcp\b([^#\n]*)/gm)].flatMap(([, name, port, aliases = '']) =>
    [name!, ...aliases.trim().split(/\s+/)].map((one) => [one.toLowerCase(), Number(port)] as const),
  )
  return new Map([...known, ...found])
}

const known = [
  ['domain', 53],
  ['ftp', 21],
  ['ftps', 990],
  ['gopher', 70],
  ['http', 80],
  ['https', 443],
  ['imap2', 143],
  ['imap3', 220],
  ['imaps', 993],
  ['pop3', 110],
  ['pop3s', 995],
  ['smtp', 25],
  ['submissions', 465],
  ['ssh', 22],
  ['telnet', 23],
] as const

/** `host` null: every address of this machine. Rejects in Go's words. */
export async function listen(server: Server, host: string | null, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.once('listening', resolve)
  server.listen({ port, ...(host !== null && { host }) })
  try {
    await promise
  } catch (thrown) {
    throw new Error(listenTrouble(thrown, host, port), { cause: thrown })
  } finally {
    server.removeListener('error', reject)
  }
}

export function listenTrouble(thrown: unknown, host: string | null, port: number): string {
  const { code = '', message } = thrown as NodeJS.ErrnoException
  return `listen tcp ${addressText(host, port)}: ${reasons[code] ?? message}`
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: address already in use',
  EACCES: 'bind: permission denied',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
}

/** `:8095`, `127.0.0.1:8095`, `[::1]:8095`. */
export function addressText(host: string | null, port: number | string): string {
  return `${host === null ? '' : host.includes(':') ? `[${host}]` : host}:${port}`
}
