/** How long it takes from a webhook to the deploy that it leads to. */
import { deploySecret, imagesGround, ociRegistry } from '../tests/parts/images-ground.ts'
import { startDeployReceiver } from '../tests/parts/deploy-receiver.ts'
import { startDockerRegistry } from '../tests/parts/docker-registry.ts'
import { imageOf, layerOf } from '../tests/parts/images.ts'
import { percentile } from './parts/drop-in.ts'
import type { Benches } from './report.ts'

const image = 'team/shop'

export const benches: Benches = {
  'images.webhook-to-deploy': async (report, { long }) => {
    await using registry = await startDockerRegistry({ unlogged: true })
    await using receiver = await startDeployReceiver()
    const layer = await layerOf([{ name: 'version', content: 'any' }])
    const put = (tag: string) => registry.disk.put(image, tag, imageOf([layer], { comment: tag }))
    await put('v1.0.0')
    using ground = imagesGround({
      coalesce: '0s',
      poll_interval: '1h',
      registries: { forge: ociRegistry(registry) },
      deployers: { ci: { webhook: { url: receiver.url, secret: deploySecret } } },
      projects: {
        shop: { stages: { live: { registry: 'forge', image, pattern: 'v*', strategy: 'semver', deployer: 'ci' } } },
      },
    })
    await using served = await ground.serve()
    await served.delivered('ci', 'shop/live', ({ state }) => state === 'held')
    const took: number[] = []
    const rounds = long ? 300 : 30
    for (let n = 1; n <= rounds; n += 1) {
      const tag = `v1.0.${n}`
      await put(tag)
      const deployed = receiver.next(tag)
      const sent = performance.now()
      const { status } = await served.hook({ image, tag, id: `delivery-${n}` })
      if (status >= 300) throw new Error(`hook: ${status}`)
      took.push((await deployed).at - sent)
      await served.delivered('ci', 'shop/live', ({ state, label }) => state === 'applied' && label === tag)
    }
    const note = `${rounds} pushes, one after the other; real docker-registry, SQLite, deploy by a signed webhook to a receiver in the bench; from the first byte of the hook sent to the first of the deploy received`
    report({ value: percentile(took, 0.99), unit: 'ms', limit: { atMost: 150 }, note: `p99; ${note}` })
    report({ figure: 'p50', value: percentile(took, 0.5), unit: 'ms' })
  },
}
