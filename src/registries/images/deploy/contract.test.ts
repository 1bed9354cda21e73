import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWebhookSender } from '../../../connectors/webhook/send.ts'
import { withoutKubeApiServer } from '../../../connectors/kubernetes/testing/kube-apiserver.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { commandDeployer } from './command-config.ts'
import { createCommandDeployer } from './command.ts'
import { deployerContract, type DeployerGround } from './testing/deployer-contract.ts'
import { imageFor, openRoom, realServer, simulated, type ClusterGround } from './testing/kubernetes-ground.ts'
import { requestFor, stageFor, workloadFor } from './testing/releases.ts'
import { webhookDeployer } from './webhook-config.ts'
import { createWebhookDeployer } from './webhook.ts'

const onCluster = (open: () => Promise<ClusterGround>) => async (): Promise<DeployerGround> => {
  const ground = await open()
  const room = await openRoom(ground, 'shop')
  await room.add('Deployment', {}, imageFor('0'))
  const stage = stageFor({ workload: workloadFor('Deployment') })
  const seen = new Map<string, number>()
  return {
    open: room.another,
    request: (tag) => requestFor(stage, tag),
    turn: () => room.controller.step(),
    async effects(tag) {
      // An image that is there already makes no second rollout.
      const image = await room.image('Deployment')
      if (image === imageFor(tag)) seen.set(tag, 1)
      return seen.get(tag) ?? 0
    },
    async dispose() {
      await room.close()
      await ground.dispose()
    },
  }
}

deployerContract('kubernetes, simulator', onCluster(simulated))
deployerContract('kubernetes, kube-apiserver', onCluster(realServer), { skip: withoutKubeApiServer() })

deployerContract('webhook', async () => {
  const keys = new Map<string, Set<string>>()
  const asked = new Map<string, number>()
  const server = createServer((incoming, response) => {
    void incoming.toArray().then((chunks: Buffer[]) => {
      if (incoming.method === 'GET') {
        const count = (asked.get(incoming.url!) ?? 0) + 1
        asked.set(incoming.url!, count)
        return response.end(JSON.stringify({ status: count > 1 ? 'succeeded' : 'running' }))
      }
      const { tag } = JSON.parse(Buffer.concat(chunks).toString()) as { tag: string }
      const key = String(incoming.headers['idempotency-key'])
      keys.set(tag, (keys.get(tag) ?? new Set()).add(key))
      return response.writeHead(202, { location: `/status/${key}` }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const config = webhookDeployer.parse({ url: `http://127.0.0.1:${port}/deploy`, secret })
  const webhook = createWebhookSender({ clock: systemClock, version: '1' })
  return {
    open: () => createWebhookDeployer('told', config, { clock: systemClock, webhook }),
    request: (tag) => requestFor(stageFor(), tag),
    turn: () => Promise.resolve(),
    effects: (tag) => Promise.resolve(keys.get(tag)?.size ?? 0),
    async dispose() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
})

deployerContract('command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-contract-'))
  const config = commandDeployer.parse({ command: ['/bin/sh', '-c', 'echo "$DEPLOY_TAG" >> ran'] })
  const ran = join(folder, 'ran')
  return Promise.resolve({
    open: () => createCommandDeployer('run', config, { clock: systemClock, base: folder, env: {} }),
    request: (tag) => requestFor(stageFor(), tag),
    turn: () => Promise.resolve(),
    effects(tag) {
      const lines = existsSync(ran) ? readFileSync(ran, 'utf8').split('\n') : []
      return Promise.resolve(lines.filter((line) => line === tag).length)
    },
    dispose: () => Promise.resolve(rmSync(folder, { recursive: true })),
  })
})
