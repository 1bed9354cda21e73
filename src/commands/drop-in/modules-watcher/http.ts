/**
 * What the watcher answers over HTTP. As in the original, probes are well from the start and whatever
 * registries and builders do; `/status` is ours.
 *
 *   :8080   /readyz /healthz    `ok`, for any method
 *           /status             what is known, pending and unavailable, as JSON
 *   :9090   /metrics
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Ms } from '../../../kernel/clock.ts'
import { messageOf } from '../../../kernel/errors.ts'
import type { Address } from './flags.ts'

export interface Answer {
  readonly status?: number
  readonly type: string
  readonly text: string
}

/** Path → what is answered there; `any`: whatever the method. */
export type Pages = Readonly<Record<string, { readonly any?: true; answer(): Answer | Promise<Answer> }>>

export interface Listening {
  /** `127.0.0.1:8080`, `[::]:8080`. */
  readonly address: string
  close(): Promise<void>
}

const plain = 'text/plain; charset=utf-8'

const well = { any: true, answer: (): Answer => ({ type: plain, text: 'ok' }) } as const
export const probes = { '/readyz': well, '/healthz': well } as const

/** A scraper and a kubelet need two; strangers get no more than these. */
const mostConnections = 64
const requestTimeout: Ms = 10_000

/** Rejects when nobody can listen there. */
export async function listen({ host, port }: Address, pages: Pages): Promise<Listening> {
  const server = createServer({ requestTimeout }, (request, response) => void serve(pages, request, response))
  server.maxConnections = mostConnections
  server.listen(port, host ?? undefined)
  await once(server, 'listening')
  return { address: addressOf(server), close: () => close(server) }
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

async function serve(pages: Pages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const send = ({ status = 200, type, text }: Answer) => {
    response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
    response.end(text)
  }
  const page = Object.entries(pages).find(([path]) => path === request.url?.split('?', 1)[0])?.[1]
  // In the words of Go's mux.
  if (page === undefined) return send({ status: 404, type: plain, text: '404 page not found\n' })
  if (!page.any && request.method !== 'GET' && request.method !== 'HEAD') {
    return send({ status: 405, type: plain, text: 'Method Not Allowed\n' })
  }
  try {
    send(await page.answer())
  } catch (thrown) {
    send({ status: 500, type: plain, text: `${messageOf(thrown)}\n` })
  }
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
}
