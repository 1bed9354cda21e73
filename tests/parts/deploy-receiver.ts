/** What a webhook deployer sends to: it acts once for each key, and says when. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Deploy {
  readonly key: string
  readonly stage: string
  readonly tag: string
  readonly digest: string
  /** When its first request was here, on the clock of `performance`. */
  readonly at: number
}

export interface DeployReceiver extends AsyncDisposable {
  readonly url: string
  /** One for each key that was new, in order. */
  readonly deploys: readonly Deploy[]
  /** Requests in all, repetitions included. */
  readonly requests: () => number
  /** Called before and after it acts on each request; what it returns is waited for. */
  step: (when: 'received' | 'acted') => void | Promise<void>
  /** The next deploy of this tag. */
  next(tag: string): Promise<Deploy>
}

export async function startDeployReceiver(): Promise<DeployReceiver> {
  const deploys: Deploy[] = []
  const waiting = new Map<string, (deploy: Deploy) => void>()
  let requests = 0
  const server = createServer((request, response) => {
    const at = performance.now()
    requests += 1
    void (async () => {
      const body = Buffer.concat(await request.toArray()).toString()
      await receiver.step('received')
      const said = JSON.parse(body) as Record<string, string>
      const key = String(request.headers['idempotency-key'])
      if (!deploys.some((deploy) => deploy.key === key)) {
        const { project, stage, tag = '', digest = '' } = said
        const deploy = { key, stage: `${project}/${stage}`, tag, digest, at }
        deploys.push(deploy)
        waiting.get(tag)?.(deploy)
      }
      await receiver.step('acted')
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })().catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const receiver: DeployReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/deploy`,
    deploys,
    requests: () => requests,
    step: () => {},
    next: (tag) => new Promise((resolve) => waiting.set(tag, resolve)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return receiver
}
