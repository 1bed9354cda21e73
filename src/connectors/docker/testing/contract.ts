/** What the client promises of any engine. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { systemClock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { createDockerEngine, type DockerEngine } from '../client.ts'
import { digest, type EngineGround } from './grounds.ts'

interface Opened {
  readonly ground: EngineGround
  readonly engine: DockerEngine
  /** Pulls a version and makes a container of it that is not started. */
  container(name: string, options?: { crash?: boolean; command?: readonly string[]; restart?: string }): Promise<string>
}

const signal = () => AbortSignal.timeout(60_000)
const codeIs = (code: string) => (thrown: unknown) => thrown instanceof AppError && thrown.code === code

export function engineContract(name: string, skip: string | false, open: () => Promise<EngineGround>): void {
  suite(`engine for containers: ${name}`, { skip }, () => {
    const on = (what: string, body: (opened: Opened) => Promise<void>) => {
      test(what, { timeout: 60_000 }, async () => {
        await using ground = await open()
        const engine = createDockerEngine({ address: { socket: ground.socket }, clock: systemClock })
        try {
          await body({ ground, engine, container: (called, options = {}) => make({ ground, engine }, called, options) })
        } finally {
          await engine.close()
        }
      })
    }
    images(on)
    lives(on)
    names(on)
    faults(on)
  })
}

type On = (what: string, body: (opened: Opened) => Promise<void>) => void

async function make(
  { ground, engine }: Pick<Opened, 'ground' | 'engine'>,
  name: string,
  { restart = 'no', ...options }: { crash?: boolean; command?: readonly string[]; restart?: string },
): Promise<string> {
  const { repository, digest: of, reference } = await ground.makeVersion(`test/${name}`, 'v1', options)
  await engine.pull({ repository, digest: of, platform: null, credential: null, timeout: 30_000 }, () => {}, signal())
  const HostConfig = { NetworkMode: 'none', RestartPolicy: { Name: restart } }
  return engine.create(name, { Image: reference, Labels: { shop: name, all: '' }, HostConfig }, signal())
}

function images(on: On): void {
  on('an image is pulled by digest', async ({ ground, engine }) => {
    const { repository, digest: of, reference } = await ground.makeVersion('test/shop', 'v1')
    assert.equal(await engine.image(reference, signal()), null)
    const seen: string[] = []
    const ask = { repository, digest: of, platform: null, credential: null, timeout: 30_000 }
    await engine.pull(ask, (done, all) => seen.push(`${done}/${all}`), signal())
    assert.ok(seen.length > 0, 'told of no progress')
    const image = await engine.image(reference, signal())
    assert.ok(image !== null && image.digests.includes(reference), JSON.stringify(image))
    assert.equal((await engine.image(image.id, signal()))?.id, image.id)
  })

  on('an image that the registry does not have is refused, whatever the status said', async ({ ground, engine }) => {
    const { repository } = await ground.makeVersion('test/shop', 'v1')
    const ask = { repository, digest: digest(), platform: null, credential: null, timeout: 30_000 }
    await assert.rejects(
      engine.pull(ask, () => {}, signal()),
      (thrown) => {
        return codeIs('target.refused')(thrown) && (thrown as AppError).data['effect'] === 'none'
      },
    )
  })
}

function lives(on: On): void {
  on('a container is made, started, asked, stopped, started again and removed', async ({ engine, container }) => {
    const id = await container('shop')
    assert.equal((await engine.container(id, signal()))?.begun, false)
    assert.equal(await engine.start(id, signal()), true)
    assert.equal(await engine.start(id, signal()), false)
    const running = await engine.container('shop', signal())
    assert.equal(running?.id, id)
    assert.equal(running.running, true)
    assert.equal(running.restarting, false)
    assert.equal(running.labels['shop'], 'shop')
    assert.equal(running.health, 'none')
    assert.equal(await engine.stop(id, 5000, signal()), true)
    assert.equal(await engine.stop(id, 5000, signal()), false)
    assert.equal((await engine.container(id, signal()))?.running, false)
    assert.equal(await engine.start(id, signal()), true)
    await engine.remove(id, signal())
    await engine.remove(id, signal())
    assert.equal(await engine.container(id, signal()), null)
  })

  on('what it wrote is told, and what it ended with', async ({ engine, container }) => {
    const id = await container('shop', { crash: true })
    await engine.start(id, signal())
    assert.equal(await engine.wait(id, 10_000, signal()), 3)
    assert.match(await engine.logs(id, 10, signal()), /^version v1\ncannot read the settings/)
    assert.match(await engine.logs(id, 1, signal()), /^cannot read the settings[^\n]*\n$/)
    assert.equal((await engine.container(id, signal()))?.exitCode, 3)
  })

  on('one that crashes for ever is seen to restart', async ({ engine, container }) => {
    const id = await container('shop', { crash: true, restart: 'unless-stopped' })
    await engine.start(id, signal())
    let restarts = 0
    for (const until = performance.now() + 20_000; restarts < 3 && performance.now() < until;) {
      restarts = (await engine.container(id, signal()))?.restarts ?? 0
    }
    assert.ok(restarts >= 3, `${restarts} restarts`)
    await engine.remove(id, signal())
    assert.equal(await engine.container(id, signal()), null)
  })

  on('a command in it says how it ended', async ({ engine, container }) => {
    const id = await container('shop')
    await engine.start(id, signal())
    const fetch = ['/bin/wget', '-q', '-O-', 'http://127.0.0.1:8080/']
    let code = -1
    for (const until = performance.now() + 20_000; code !== 0 && performance.now() < until;) {
      ;({ code } = await engine.exec(id, fetch, 10_000, signal()))
    }
    assert.equal(code, 0)
    await engine.kill(id, signal())
    await assert.rejects(engine.exec(id, fetch, 10_000, signal()), codeIs('target.conflict'))
  })
}

function names(on: On): void {
  on('a name that is taken is a conflict, as is one that is given twice', async ({ engine, container }) => {
    const id = await container('shop')
    await assert.rejects(container('shop'), codeIs('target.conflict'))
    const other = await container('other')
    await assert.rejects(engine.rename(other, 'shop', signal()), codeIs('target.conflict'))
    await engine.rename(id, 'shop-old', signal())
    await engine.rename(other, 'shop', signal())
    assert.equal((await engine.container('shop', signal()))?.id, other)
    assert.equal((await engine.container('shop-old', signal()))?.id, id)
  })

  on('containers are found by their labels', async ({ engine, container }) => {
    const ids = [await container('one'), await container('two')]
    const listed = async (labels: Record<string, string | null>) =>
      (await engine.list(labels, signal())).map(({ id }) => id).toSorted()
    assert.deepEqual(await listed({ shop: null }), ids.toSorted())
    assert.deepEqual(await listed({ shop: 'two' }), [ids[1]])
    assert.deepEqual(await listed({ shop: 'two', all: 'x' }), [])
    const [one] = await engine.list({ shop: 'one' }, signal())
    assert.equal(one?.name, 'one')
    assert.equal(one.running, false)
    assert.equal(one.labels['shop'], 'one')
  })
}

function faults(on: On): void {
  on('what there is not is refused without effect', async ({ engine }) => {
    assert.equal(await engine.container('nobody', signal()), null)
    for (const work of [
      () => engine.start('nobody', signal()),
      () => engine.rename('nobody', 'somebody', signal()),
      () => engine.create('shop', { Image: `registry.test/none@${digest()}` }, signal()),
    ]) {
      await assert.rejects(work(), (thrown) => {
        return codeIs('target.refused')(thrown) && (thrown as AppError).data['effect'] === 'none'
      })
    }
  })

  on(
    'an engine that is gone is unavailable, and known again when it is back',
    async ({ ground, engine, container }) => {
      const id = await container('shop')
      const before = await engine.identity(signal())
      await ground.kill()
      await assert.rejects(engine.container(id, signal()), codeIs('target.unavailable'))
      await assert.rejects(engine.start(id, signal()), codeIs('target.unavailable'))
      await ground.start()
      assert.equal((await engine.container(id, signal()))?.name, 'shop')
      assert.equal(await engine.identity(signal()), before)
    },
  )
}
