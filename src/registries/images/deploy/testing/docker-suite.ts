/** What the deployer promises on any engine. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { EngineGround } from '../../../../connectors/docker/testing/grounds.ts'
import { AppError } from '../../../../kernel/errors.ts'
import { freePorts } from '../../../../../tests/parts/ports.ts'
import { dockerGround, stage, usual, type DockerGround, type DockerSettingsGiven } from './docker-ground.ts'

export interface DockerSuite {
  readonly name: string
  readonly skip: string | false
  /** Only cases whose names match: a real engine takes its time. */
  readonly only?: RegExp
  open(): Promise<EngineGround>
  /** Settings of a container that takes this port of the host. */
  fixedPort(port: number): DockerSettingsGiven['container']
}

type On = (what: string, body: (on: DockerGround, ground: EngineGround) => Promise<void>) => void

const soon = () => AbortSignal.timeout(60_000)

export function dockerSuite({ name, skip, only = /(?:)/, open, fixedPort }: DockerSuite): void {
  const onEach = (settings: () => Promise<DockerSettingsGiven>): On => {
    return (what, body) => {
      if (!only.test(what)) return
      test(what, { timeout: 120_000 }, async () => {
        await using ground = await open()
        await using on = dockerGround(ground, await settings())
        await body(on, ground)
      })
    }
  }
  suite(`docker deployer: ${name}`, { skip }, () => {
    const usually = onEach(() => Promise.resolve(usual))
    versions(usually)
    failures(usually, 'beside the old one')
    recoveries(usually)
    strangers(usually)
  })
  suite(`docker deployer with a fixed port: ${name}`, { skip }, () => {
    const fixed = onEach(async () => {
      const [port] = (await freePorts(1)) as [number]
      const container = { ...usual.container, network_mode: undefined, ...fixedPort(port) }
      const env = { ...usual.container.env, PORT: String(port) }
      const exec = ['/bin/wget', '-q', '-O-', `http://127.0.0.1:${port}/`]
      return { ...usual, mode: 'fixed-port', container: { ...container, env }, probe: { ...usual.probe, exec } }
    })
    versions(fixed)
    failures(fixed, 'in place of the old one')
    recoveries(fixed)
  })
}

function versions(on: On): void {
  on(
    'acceptance 14: a first version is deployed, and looked at',
    async ({ deploy, current, deployer, steps }, ground) => {
      const v1 = await ground.makeVersion('team/shop', 'v1')
      assert.deepEqual(await deployer.look!([stage], soon()), [])
      const result = await deploy(v1)
      assert.equal(result.is, 'deployed', JSON.stringify(result))
      const found = await current()
      assert.equal(found?.tag, 'v1')
      assert.equal(found.revision, v1.digest)
      assert.ok('ref' in result && found.id.startsWith(result.ref!))
      assert.deepEqual(await deployer.look!([stage], soon()), [
        { key: 'shop/prod', revision: v1.digest, tag: 'v1', owned: true },
      ])
      assert.ok(
        steps.some((step) => step.startsWith('pulling')) && steps.includes('probing (2 of 2)'),
        steps.join(', '),
      )
    },
  )

  on('acceptance 14: a newer version takes the place, the old one is kept stopped', async (on, ground) => {
    const ids: string[] = []
    for (const tag of ['v1', 'v2', 'v3']) {
      const result = await on.deploy(await ground.makeVersion('team/shop', tag))
      assert.equal(result.is, 'deployed', JSON.stringify(result))
      ids.push((await on.current())!.id)
      assert.equal((await on.current())!.tag, tag)
    }
    const left = await on.containers()
    assert.deepEqual(Object.keys(left).toSorted(), ['shop-prod', `shop-prod-old-${ids[1]!.slice(0, 12)}`])
    assert.deepEqual(Object.values(left).filter(({ running }) => running).length, 1)
    assert.equal(await on.engine.container(ids[0]!, soon()), null)
  })

  on('the version before is deployed again', async ({ deploy, current, containers }, ground) => {
    const [v1, v2] = [await ground.makeVersion('team/shop', 'v1'), await ground.makeVersion('team/shop', 'v2')]
    for (const made of [v1, v2, v1]) assert.equal((await deploy(made)).is, 'deployed')
    assert.equal((await current())?.tag, 'v1')
    assert.equal(Object.values(await containers()).filter(({ running }) => running).length, 1)
  })

  on('a version that takes its time is waited for', async ({ deploy, current }, ground) => {
    await deploy(await ground.makeVersion('team/shop', 'v1'))
    const result = await deploy(await ground.makeVersion('team/shop', 'v2', { slow: 1 }))
    assert.equal(result.is, 'deployed', JSON.stringify(result))
    assert.equal((await current())?.tag, 'v2')
  })

  on('the same deploy once more, by another process, changes nothing', async (on, ground) => {
    const v1 = await ground.makeVersion('team/shop', 'v1')
    await on.deploy(v1)
    const before = await on.containers()
    await using other = dockerGround(ground, on.settings)
    assert.equal((await other.deploy(v1)).is, 'deployed')
    assert.deepEqual(await on.containers(), before)
    assert.equal(other.deployer.fingerprint, on.deployer.fingerprint)
  })

  on('what was stopped by hand is not there, and the same deploy starts it again', async (on, ground) => {
    const v1 = await ground.makeVersion('team/shop', 'v1')
    await on.deploy(v1)
    const { id } = (await on.current())!
    await on.engine.stop(id, 3000, soon())
    assert.deepEqual(await on.deployer.look!([stage], soon()), [])
    assert.equal((await on.deploy(v1)).is, 'deployed')
    assert.equal((await on.current())?.id, id)
  })
}

function failures(on: On, where: string): void {
  on(`acceptance 14: a version that crashes ${where} is rolled back, with the reason`, async (on, ground) => {
    await on.deploy(await ground.makeVersion('team/shop', 'v1'))
    const before = (await on.current())!
    const result = await on.deploy(await ground.makeVersion('team/shop', 'v2', { crash: true }))
    assert.equal(result.is, 'rolled-back', JSON.stringify(result))
    const { why } = result as { why: string }
    assert.match(why, /exit code 3/)
    assert.match(why, /version v2\n.*cannot read the settings/s)
    assert.doesNotMatch(why, /s3cr3t-value/)
    assert.match(why, /\[TOKEN\]/)
    assert.deepEqual(await on.current(), before)
    assert.deepEqual(Object.keys(await on.containers()), ['shop-prod'])
  })

  on('the first version crashes: nothing of it is left', async ({ deploy, containers }, ground) => {
    const result = await deploy(await ground.makeVersion('team/shop', 'v1', { crash: true }))
    assert.equal(result.is, 'rolled-back', JSON.stringify(result))
    assert.deepEqual(await containers(), {})
  })

  on('an image that is not there is refused, and nothing is touched', async ({ deploy, containers }, ground) => {
    const v1 = await ground.makeVersion('team/shop', 'v1')
    await deploy(v1)
    const before = await containers()
    const result = await deploy({ ...v1, tag: 'v2', digest: `sha256:${'0'.repeat(64)}` })
    assert.equal(result.is, 'refused', JSON.stringify(result))
    assert.equal((result as { until: string }).until, 'item')
    assert.deepEqual(await containers(), before)
  })
}

/** Begins a deploy and waits until it has come so far. */
async function until(on: DockerGround, begun: Promise<unknown>, step: RegExp): Promise<void> {
  const end = performance.now() + 30_000
  let over = false
  void begun.catch(() => {}).finally(() => (over = true))
  while (!on.steps.some((one) => step.test(one))) {
    assert.ok(!over && performance.now() < end, `it never said ${step}: ${on.steps.join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function recoveries(on: On): void {
  on('aborted, the old one runs; another version clears up what was left', async (on, ground) => {
    await on.deploy(await ground.makeVersion('team/shop', 'v1'))
    const before = (await on.current())!
    const abort = new AbortController()
    const slow = await ground.makeVersion('team/shop', 'v2', { slow: 600 })
    const begun = on.deploy(slow, { signal: abort.signal })
    await until(on, begun, /^probing: /)
    abort.abort()
    await assert.rejects(begun, (thrown) => thrown instanceof AppError && thrown.code === 'aborted')
    assert.deepEqual(await on.current(), before)
    assert.equal((await on.deploy(await ground.makeVersion('team/shop', 'v3'))).is, 'deployed')
    assert.equal((await on.current())?.tag, 'v3')
    const left = await on.containers()
    const tags = Object.values(left).map(({ tag }) => tag)
    assert.deepEqual(new Set(tags), new Set(['v1', 'v3']))
    assert.equal(tags.length, 2)
  })

  on('the engine dies in the middle and comes back: the deploy goes on', async (on, ground) => {
    await on.deploy(await ground.makeVersion('team/shop', 'v1'))
    const { id } = (await on.current())!
    const v2 = await ground.makeVersion('team/shop', 'v2', { slow: 3 })
    const begun = on.deploy(v2)
    await until(on, begun, /^probing: /)
    await ground.kill()
    const result = await begun
    assert.equal(result.is, 'failed', JSON.stringify(result))
    await ground.start()
    assert.ok(await on.engine.container(id, soon()), 'the old one is gone')
    await using other = dockerGround(ground, on.settings)
    assert.equal((await other.deploy(v2)).is, 'deployed')
    assert.equal((await on.current())?.tag, 'v2')
    assert.equal(Object.values(await on.containers()).filter(({ running }) => running).length, 1)
    assert.ok(await on.engine.container(id, soon()), 'the old one is gone')
  })
}

function strangers(on: On): void {
  on("somebody else's container of that name is seen, replaced and kept", async (on, ground) => {
    const v1 = await ground.makeVersion('team/shop', 'v1')
    const ask = { repository: v1.repository, digest: v1.digest, platform: null, credential: null, timeout: 30_000 }
    await on.engine.pull(ask, () => {}, soon())
    const spec = { Image: v1.reference, HostConfig: { NetworkMode: 'none' } }
    const id = await on.engine.create('shop-prod', spec, soon())
    assert.deepEqual(await on.deployer.look!([stage], soon()), [])
    await on.engine.start(id, soon())
    assert.deepEqual(await on.deployer.look!([stage], soon()), [
      { key: 'shop/prod', revision: v1.digest, tag: null, owned: false },
    ])
    const crash = await on.deploy(await ground.makeVersion('team/shop', 'v2', { crash: true }))
    assert.equal(crash.is, 'rolled-back', JSON.stringify(crash))
    assert.equal((await on.engine.container('shop-prod', soon()))?.id, id)
    for (const tag of ['v3', 'v4', 'v5']) {
      assert.equal((await on.deploy(await ground.makeVersion('team/shop', tag))).is, 'deployed')
    }
    const kept = await on.engine.container(id, soon())
    assert.equal(kept?.running, false)
    assert.equal(kept.name, `shop-prod-old-${id.slice(0, 12)}`)
  })

  on('a container of another stage is left alone', async (on, ground) => {
    const v1 = await ground.makeVersion('team/shop', 'v1')
    await using other = dockerGround(ground, { ...usual, container: { ...usual.container, name: '{project}-prod' } })
    await on.deploy(v1)
    const before = await on.current()
    const result = await other.deploy(v1, { request: { stage: { ...stage, key: 'shop/test', stage: 'test' } } })
    assert.equal(result.is, 'refused', JSON.stringify(result))
    assert.equal((result as { until: string }).until, 'target')
    assert.deepEqual(await on.current(), before)
  })
}
