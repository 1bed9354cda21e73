/** What a deploy comes to where the engine does not do what it is asked. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { FakeEngine, FakeEngineOptions, Fault } from '../../../connectors/docker/testing/fake-engine.ts'
import { fakeGround } from '../../../connectors/docker/testing/grounds.ts'
import type { SendWebhook } from '../../../connectors/webhook/send.ts'
import type { DeployResult } from './deployer.ts'
import { dockerGround, stage, usual, type DockerGround, type DockerSettingsGiven } from './testing/docker-ground.ts'

type Ground = Awaited<ReturnType<typeof fakeGround>>

const quick = { ...usual, probe: { ...usual.probe, interval: '10ms', successes: 1 } } as const
const ports: DockerSettingsGiven = { ...quick, container: { env: usual.container.env, ports: ['18080:8080'] } }
const modes: readonly DockerSettingsGiven[] = [quick, ports]
const soon = () => AbortSignal.timeout(20_000)

async function on(
  settings: DockerSettingsGiven,
  body: (on: DockerGround, ground: Ground, fake: FakeEngine) => Promise<void>,
  more: { readonly engine?: FakeEngineOptions; readonly webhook?: SendWebhook } = {},
): Promise<void> {
  await using ground = await fakeGround(more.engine)
  await using opened = dockerGround(ground, settings, more.webhook)
  await body(opened, ground, ground.fake)
}

function failedWith(result: DeployResult): { readonly code: string; readonly detail: string; readonly effect: string } {
  assert.equal(result.is, 'failed', JSON.stringify(result))
  const { error, effect } = result as Extract<DeployResult, { is: 'failed' }>
  return { code: error.code, detail: error.detail, effect }
}

suite('docker deployer, faults', () => {
  test('a pull that fails within its answer is tried again, and touches nothing', async () => {
    await on(quick, async ({ deploy, containers, current }, ground, fake) => {
      await deploy(await ground.makeVersion('team/shop', 'v1'))
      const before = await containers()
      const v2 = await ground.makeVersion('team/shop', 'v2')
      for (const fault of [{ line: 'toomanyrequests: slow down' }, 'cut', 'drop', 'short'] as const) {
        fake.fail('POST /images/create', fault)
        const failed = failedWith(await deploy(v2))
        assert.deepEqual([failed.code, failed.effect], ['target.unavailable', 'none'], JSON.stringify(fault))
        assert.deepEqual(await containers(), before)
      }
      assert.equal((await deploy(v2)).is, 'deployed')
      assert.equal((await current())?.tag, 'v2')
    })
  })

  test('an image for another platform is refused', async () => {
    await on(quick, async ({ deploy }, ground, fake) => {
      fake.fail('POST /images/create', { line: 'no matching manifest for linux/arm64 in the manifest list entries' })
      const result = await deploy(await ground.makeVersion('team/shop', 'v1'))
      assert.equal(result.is, 'refused')
      assert.match((result as { why: string }).why, /no matching manifest/)
    })
  })

  test('a container that the engine cannot start is rolled back', async () => {
    for (const settings of modes) {
      await on(settings, async ({ deploy, current, containers }, ground, fake) => {
        await deploy(await ground.makeVersion('team/shop', 'v1'))
        const before = await current()
        const said = 'OCI runtime create failed: exec: "/serve --token s3cr3t-value": no such file'
        fake.fail('POST /containers/:id/start', { status: 400, message: said })
        const result = await deploy(await ground.makeVersion('team/shop', 'v2'))
        assert.equal(result.is, 'rolled-back', JSON.stringify(result))
        assert.match((result as { why: string }).why, /^it could not be started: OCI runtime create failed/)
        assert.doesNotMatch((result as { why: string }).why, /s3cr3t/)
        assert.deepEqual(await current(), before)
        assert.equal(Object.keys(await containers()).length, 1)
      })
    }
  })

  test('settings that no engine takes are refused until they change; a network that is missing is waited for', async () => {
    await on(quick, async ({ deploy }, ground, fake) => {
      const v1 = await ground.makeVersion('team/shop', 'v1')
      fake.fail('POST /containers/create', { status: 400, message: 'invalid environment variable: TOKEN=s3cr3t-value' })
      const result = await deploy(v1)
      assert.equal(result.is, 'refused')
      assert.match((result as { why: string }).why, /invalid environment variable: TOKEN=\[TOKEN\]/)
      assert.equal((result as { until: string }).until, 'target')
    })
    await on({ ...quick, container: { networks: ['elsewhere'] } }, async ({ deploy }, ground) => {
      const { detail, effect } = failedWith(await deploy(await ground.makeVersion('team/shop', 'v1')))
      assert.match(detail, /network elsewhere not found/)
      assert.equal(effect, 'none')
    })
  })

  test('what an engine says of settings holds no value of them, wherever it says it', async () => {
    await on(quick, async ({ deploy }, ground, fake) => {
      fake.fail('POST /containers/create', { status: 500, message: 'cannot use TOKEN=s3cr3t-value' })
      const result = await deploy(await ground.makeVersion('team/shop', 'v1'))
      const { error } = result as Extract<DeployResult, { is: 'failed' }>
      assert.doesNotMatch([JSON.stringify(result), error.message, error.stack, String(error.cause)].join(), /s3cr3t/)
    })
  })

  test('whatever goes wrong once, in whatever call, the next try puts right', async () => {
    const calls = new Set<string>()
    const faults: readonly Fault[] = ['drop', 'lose', { status: 500, message: 'internal' }]
    for (const settings of modes) {
      await on(settings, async ({ deploy }, ground, fake) => {
        await deploy(await ground.makeVersion('team/shop', 'v1'))
        const from = fake.requests.length
        await deploy(await ground.makeVersion('team/shop', 'v2'))
        for (const call of fake.requests.slice(from)) calls.add(call)
      })
    }
    assert.ok(calls.size >= 10, [...calls].join())
    for (const call of calls)
      for (const fault of faults) for (const settings of modes) await faulty(settings, call, fault)
  })

  test('somebody takes the name in the middle: nothing of either is lost', async () => {
    await on(quick, async (opened, ground, fake) => {
      const { deploy, engine, containers } = opened
      await deploy(await ground.makeVersion('team/shop', 'v1'))
      const v2 = await ground.makeVersion('team/shop', 'v2')
      const stranger = { Image: v2.reference, HostConfig: {} }
      let done = false
      fake.after = (request) => {
        if (done || request !== 'POST /containers/:id/rename' || fake.state.events.at(-1)?.includes('-old-') !== true)
          return
        done = true
        fake.state.create('shop-prod', stranger)
      }
      assert.equal(failedWith(await deploy(v2)).code, 'target.conflict')
      const up = Object.entries(await containers()).filter(([, one]) => one.running)
      assert.deepEqual(
        up.map(([, { tag }]) => tag),
        ['v2'],
      )
      assert.deepEqual(
        (await opened.deployer.look!([stage], soon())).map(({ tag }) => tag),
        ['v2'],
      )
      await engine.remove('shop-prod', soon())
      assert.equal((await deploy(v2)).is, 'deployed')
      assert.equal((await opened.current())?.tag, 'v2')
    })
  })

  test('somebody removes the new one in the middle: the old one runs again', async () => {
    for (const settings of modes) {
      await on(settings, async ({ deploy, current, containers }, ground, fake) => {
        await deploy(await ground.makeVersion('team/shop', 'v1'))
        const before = await current()
        let asked = 0
        fake.before = (request) => {
          if (request !== 'POST /containers/:id/exec' || (asked += 1) !== 3) return
          fake.state.remove([...fake.state.containers.values()].find(({ name }) => name.includes('-new-'))!.id, true)
        }
        const result = await deploy(await ground.makeVersion('team/shop', 'v2', { slow: 100 }))
        assert.equal(result.is, 'rolled-back', JSON.stringify(result))
        assert.match((result as { why: string }).why, /somebody removed it/)
        assert.deepEqual(await current(), before)
        assert.equal(Object.keys(await containers()).length, 1)
      })
    }
  })

  test('one that was aborted puts things right before the next begins', async () => {
    await on(ports, async ({ deploy, steps, current, containers }, ground, fake) => {
      await deploy(await ground.makeVersion('team/shop', 'v1'))
      const abort = new AbortController()
      const slow = await ground.makeVersion('team/shop', 'v2', { slow: 100_000 })
      const next = await ground.makeVersion('team/shop', 'v3')
      const ended: string[] = []
      const begun: Promise<unknown>[] = []
      fake.after = (request) => {
        if (begun.length > 0 || request !== 'GET /exec/:id/json' || !steps.some((step) => step.startsWith('probing:')))
          return
        abort.abort()
        begun.push(deploy(next).then((result) => ended.push(result.is)))
      }
      await assert.rejects(deploy(slow, { signal: abort.signal }).finally(() => ended.push('aborted')))
      await Promise.all(begun)
      assert.deepEqual(ended, ['aborted', 'deployed'])
      assert.equal((await current())?.tag, 'v3')
      assert.deepEqual(fake.state.events.filter((event) => /^(?:start|create) /.test(event)).map(stem), [
        'create shop-prod-new',
        'start shop-prod-new',
        'create shop-prod-new',
        'start shop-prod-new',
        'start shop-prod',
        'create shop-prod-new',
        'start shop-prod-new',
      ])
      assert.equal(Object.keys(await containers()).length, 2)
    })
  })

  test('an old container that cannot be removed does not make a deploy fail', async () => {
    await on(quick, async ({ deploy }, ground, fake) => {
      await deploy(await ground.makeVersion('team/shop', 'v1'))
      await deploy(await ground.makeVersion('team/shop', 'v2'))
      fake.fail('DELETE /containers/:id', { status: 500, message: 'device or resource busy' })
      const result = await deploy(await ground.makeVersion('team/shop', 'v3'))
      assert.equal(result.is, 'deployed')
      assert.match((result as { detail: string }).detail, /device or resource busy/)
    })
  })

  test('other settings make another container of the same version', async () => {
    await on(quick, async (opened, ground) => {
      const v1 = await ground.makeVersion('team/shop', 'v1')
      await opened.deploy(v1)
      const before = await opened.current()
      await using other = dockerGround(ground, {
        ...quick,
        container: { ...quick.container, env: { TOKEN: 'another' } },
      })
      assert.notEqual(other.deployer.fingerprint, opened.deployer.fingerprint)
      assert.equal((await other.deploy(v1)).is, 'deployed')
      assert.notEqual((await other.current())?.id, before?.id)
      await using renamed = dockerGround(ground, { ...quick, container: { ...quick.container, name: 'web-{stage}' } })
      assert.equal((await renamed.deploy(v1)).is, 'deployed')
      const running = Object.entries(await renamed.containers()).filter(([, one]) => one.running)
      assert.deepEqual(
        running.map(([name]) => name),
        ['web-prod'],
      )
    })
  })
})

const stem = (event: string) => event.replace(/-[0-9a-f]{12}$/, '')

async function faulty(settings: DockerSettingsGiven, call: string, fault: Fault): Promise<void> {
  await on(settings, async ({ deploy, current, containers }, ground, fake) => {
    const told = `${call} ${JSON.stringify(fault)} ${settings.container?.ports === undefined ? '' : 'fixed port'}`
    await deploy(await ground.makeVersion('team/shop', 'v1'))
    const old = (await current())!.id
    const v2 = await ground.makeVersion('team/shop', 'v2')
    fake.fail(call, fault)
    const first = await deploy(v2)
    assert.ok(['failed', 'deployed', 'rolled-back'].includes(first.is), `${told}: ${JSON.stringify(first)}`)
    // Whatever it came to, something runs.
    const up = [...fake.state.containers.values()].filter((one) => fake.state.isUp(one))
    if (call !== 'POST /containers/:id/start') assert.ok(up.length > 0, told)
    const second = await deploy(v2)
    assert.equal(second.is, 'deployed', `${told}: ${JSON.stringify(second)}`)
    const all = await containers()
    assert.equal((await current())?.tag, 'v2', told)
    assert.equal(Object.values(all).filter(({ running }) => running).length, 1, `${told}: ${JSON.stringify(all)}`)
    assert.ok(
      Object.values(all).some(({ id }) => id === old),
      told,
    )
  })
}

suite('docker deployer, traffic', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const settings = { ...quick, switch: { url: 'https://proxy.test/hooks/secret-part', secret } } as const

  test('who sends traffic is told once the new one is healthy, and again what is not certain', async () => {
    const told: { readonly id: string; readonly body: Record<string, unknown> }[] = []
    let status = 200
    const webhook: SendWebhook = ({ id, body }) => {
      told.push({ id, body: JSON.parse(body) as Record<string, unknown> })
      return Promise.resolve({ status, retryAfter: null, location: null, text: '' })
    }
    const body = async ({ deploy, current }: DockerGround, ground: Ground) => {
      await deploy(await ground.makeVersion('team/shop', 'v1'))
      const old = await current()
      status = 503
      const v2 = await ground.makeVersion('team/shop', 'v2')
      const { detail } = failedWith(await deploy(v2))
      assert.match(detail, /proxy\.test did not switch traffic over: HTTP 503/)
      assert.doesNotMatch(detail, /secret-part/)
      assert.deepEqual(await current(), old)
      status = 200
      assert.equal((await deploy(v2)).is, 'deployed')
      assert.equal(told.length, 3)
      assert.equal(told[1]!.id, told[2]!.id)
      const { event, to, from } = told[2]!.body as { event: string; to: { tag: string }; from: { container: string } }
      assert.deepEqual([event, to.tag, from.container], ['switched', 'v2', old?.id])
      await deploy(await ground.makeVersion('team/shop', 'v3', { crash: true }))
      assert.equal(told.length, 3, 'told of one that never was healthy')
    }
    await on(settings, body, { webhook })
  })

  test('one that dies while traffic is brought to it is taken back, and so is the traffic', async () => {
    const told: string[] = []
    let status = 503
    const webhook: SendWebhook = ({ body }) => {
      const { event, to } = JSON.parse(body) as { event: string; to: { tag: string } }
      told.push(`${event} ${to.tag}`)
      return Promise.resolve({ status, retryAfter: null, location: null, text: '' })
    }
    const body = async ({ deploy, current, engine, containers }: DockerGround, ground: Ground) => {
      status = 200
      await deploy(await ground.makeVersion('team/shop', 'v1'))
      status = 503
      await deploy(await ground.makeVersion('team/shop', 'v2'))
      const up = Object.entries(await containers()).find(([name]) => name.includes('-up-'))!
      await engine.stop(up[1].id, 1000, soon())
      status = 200
      const v3 = await deploy(await ground.makeVersion('team/shop', 'v3', { crash: true }))
      assert.equal(v3.is, 'rolled-back')
      assert.deepEqual(told, ['switched v1', 'switched v2', 'switched-back v1'])
      assert.equal((await current())?.tag, 'v1')
      assert.deepEqual(Object.keys(await containers()), ['shop-prod'])
    }
    await on(settings, body, { webhook })
  })
})
