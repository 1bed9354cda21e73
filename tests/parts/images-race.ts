/**
 * A version is pushed; the webhook comes, comes again, and a person asks for a look, all at once; and `regista serve`
 * is killed somewhere between the first byte and the end of the deploy. Started again, it deploys that version once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../src/kernel/retry.ts'
import { startDockerRegistry } from './docker-registry.ts'
import { imagesGround, ociRegistry, type Delivery, type ImagesServed } from './images-ground.ts'
import { imageOf, layerOf } from './images.ts'
import type { Site } from './images-sites.ts'

export interface RaceOptions {
  readonly runs: number
  readonly random: Random
  readonly site: Site
}

export interface RaceReport {
  readonly runs: number
  /** Runs in which the process was killed amid the deploy: after its first step, before its last. */
  readonly amid: number
  /** Runs in which it was killed before the deploy began, or after it. */
  readonly around: number
  /** Runs after which a person had to say what became of it. */
  readonly held: number
  readonly faults: readonly string[]
}

const image = 'team/shop'
const key = 'shop/live'
/** From the hook to the first step of the deploy, and a while longer, in milliseconds. */
const beforeDeploy = 150

export async function raceImages({ runs, random, site }: RaceOptions): Promise<RaceReport> {
  await using registry = await startDockerRegistry({ unlogged: true })
  const layer = await layerOf([{ name: 'version', content: 'any' }])
  const put = async (tag: string) => {
    const built = imageOf([layer], { comment: tag })
    site.offer(`${registry.host}/${image}`, built.digest)
    await registry.disk.put(image, tag, built)
    return built.digest
  }
  await put('v1.0.0')
  const stage = { registry: 'forge', image, pattern: 'v*', strategy: 'semver', deployer: 'site', deploy_on_first: true }
  using ground = imagesGround({
    coalesce: '20ms',
    poll_interval: '10s',
    registries: { forge: ociRegistry(registry) },
    deployers: { site: site.deployer },
    projects: { shop: { stages: { live: { ...stage, ...site.stage } } } },
  })
  const report = { runs: 0, amid: 0, around: 0, held: 0 }
  const faults: string[] = []
  let served = await ground.serve()
  try {
    await served.delivered('site', key, ({ state }) => state === 'applied')
    while (report.runs < runs) {
      report.runs += 1
      const tag = `v1.0.${report.runs}`
      const digest = await put(tag)
      const steps = await killSomewhere(served, site, tag, random)
      served = await ground.serve()
      const done = await settled(served, tag)
      if (isHeld(done)) {
        report.held += 1
        faults.push(...verdict(site, digest, tag, 1, 'while it is held'))
        await release(served)
        await settled(served, tag)
      }
      const most = isHeld(done) ? 2 : 1
      const cut = steps > 0 && site.effects(digest) > 0 && steps < site.steps
      report[cut ? 'amid' : 'around'] += 1
      faults.push(...verdict(site, digest, tag, most, 'in the end'))
      if (site.effects(digest) === 0) faults.push(`${tag}: never deployed, ${JSON.stringify(done)}`)
      if (isHeld(done) && site.repeat !== 'unsafe') faults.push(`${tag}: held, ${JSON.stringify(done)}`)
      faults.push(...site.wrong(digest).map((what) => `${tag}: ${what}`))
    }
  } finally {
    await served.stop()
  }
  return { ...report, faults }
}

function verdict(site: Site, digest: string, tag: string, most: number, when: string): string[] {
  const effects = site.effects(digest)
  return effects > most ? [`${tag}: deployed ${effects} times ${when}`] : []
}

/** Hooks, repetitions and a person's look race; then the process is killed. Answers how many steps of a deploy it had taken. */
async function killSomewhere(served: ImagesServed, site: Site, tag: string, random: Random): Promise<number> {
  const stepOfDeath = random() < 0.7 ? 1 + Math.floor(random() * site.steps) : Infinity
  const dies = Promise.withResolvers<void>()
  let steps = 0
  site.onStep(() => {
    steps += 1
    if (steps < stepOfDeath) return undefined
    dies.resolve()
    // The effect of this step is not made, or not told of, before the process is gone.
    return gone.promise
  })
  const gone = Promise.withResolvers<void>()
  const hook = (id: string) => served.hook({ image, tag, id })
  const check = () => served.post(`/api/v1/images/stages/${key}/check`, {})
  const racing = [hook(tag), hook(tag), check(), sleep(random() * 30).then(() => hook(`${tag}-again`)), check()]
  const raced = Promise.allSettled(racing)
  // Where no deploy comes that far, it is killed at some time all the same.
  const late = stepOfDeath === Infinity ? random() * beforeDeploy : 5_000
  await Promise.race([dies.promise, sleep(late)])
  await served.kill()
  gone.resolve()
  site.onStep(null)
  await raced
  return steps
}

const isHeld = ({ state, reason }: Delivery) => state === 'held' && reason === 'outcome-unknown'

function settled(served: ImagesServed, tag: string): Promise<Delivery> {
  const is = (delivery: Delivery) => (delivery.state === 'applied' && delivery.label === tag) || isHeld(delivery)
  return served.delivered('site', key, is)
}

async function release(served: ImagesServed): Promise<void> {
  const holds = await served.list<{ readonly id: string }>('/api/v1/holds', { sync: 'site' })
  for (const { id } of holds) await served.post(`/api/v1/holds/${id}/release`, {})
}
