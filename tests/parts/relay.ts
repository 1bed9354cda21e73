/** Stands between a client and a server on loopback: cuts the way, or lets everything vanish on it. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Relay extends AsyncDisposable {
  /** `http://127.0.0.1:port`, for the same server. */
  readonly endpoint: string
  /** Cuts what is open; until `mend`, new connections are closed at once. */
  cut(): void
  /** What is sent is lost, without a word, on connections that stay open; new ones hang too. */
  swallow(): void
  /** New connections get through again. */
  mend(): void
  /** Bytes that came from the server since the start. */
  readonly received: number
}

/** `delay`: what the server sends arrives so many milliseconds later, however much of it is on its way. */
export async function startRelay(port: number, { delay = 0 }: { readonly delay?: number } = {}): Promise<Relay> {
  const open = new Set<Socket>()
  let received = 0
  let way: 'open' | 'cut' | 'swallowed' = 'open'
  const server = createServer((client) => {
    client.on('error', () => {})
    if (way === 'cut') return void client.destroy()
    open.add(client)
    client.on('close', () => open.delete(client))
    if (way === 'swallowed') return void client.resume()
    const upstream = connect(port, '127.0.0.1')
    upstream.on('error', () => {})
    upstream.on('close', () => setTimeout(() => client.destroy(), delay))
    client.on('close', () => upstream.destroy())
    client.on('data', (data) => way !== 'swallowed' && upstream.write(data))
    const pass = (data: Buffer) => way !== 'swallowed' && client.write(data)
    upstream.on('data', (data) => {
      received += data.length
      if (delay === 0) pass(data)
      else setTimeout(pass, delay, data)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const cutAll = () => {
    for (const socket of open) socket.destroy()
  }
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      way = 'cut'
      cutAll()
    },
    swallow() {
      way = 'swallowed'
    },
    mend() {
      way = 'open'
    },
    get received() {
      return received
    },
    async [Symbol.asyncDispose]() {
      cutAll()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
