/** Stands between a client and a PostgreSQL server on Unix sockets, and cuts connections when told to. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Cut = 'before-commit' | 'after-commit' | 'before-write'

export interface CuttingProxy {
  /** The same database through the proxy. */
  readonly url: string
  /** Cuts the next connection that does this: nothing of it reaches the server, or its answer does not come back. */
  cutNext(cut: Cut): void
  /** Cuts everything that is open now. */
  cutAll(): void
  close(): Promise<void>
}

const socketName = '.s.PGSQL.5432'

export async function startCuttingProxy(url: string): Promise<CuttingProxy> {
  const real = new URL(url).searchParams.get('host')!
  const folder = mkdtempSync(join(tmpdir(), 'regista-cut-'))
  const open = new Set<Socket>()
  let next: Cut | null = null

  const server = createServer((client) => {
    const upstream = connect(join(real, socketName))
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    let deaf = false
    client.on('data', (data) => {
      const cut = next !== null && matches(next, data) ? next : null
      if (cut === null) return void upstream.write(data)
      next = null
      if (cut !== 'after-commit') return void client.destroy()
      deaf = true
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      // The server has answered, so it has done it; the client will never know.
      if (deaf) client.destroy()
      else client.write(data)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(join(folder, socketName), resolve)
  })
  const through = new URL(url)
  through.searchParams.set('host', folder)
  const cutAll = () => {
    for (const socket of open) socket.destroy()
  }
  return {
    url: through.href,
    cutNext(cut) {
      next = cut
    },
    cutAll,
    async close() {
      cutAll()
      await new Promise((resolve) => {
        server.close(resolve)
      })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function matches(cut: Cut, data: Buffer): boolean {
  return data.includes(cut === 'before-write' ? 'append' : 'COMMIT\0')
}
