/** Whoever deploys dies after each call to the engine, its answer lost; another one goes on from what the engine holds. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fakeGround } from '../../../../connectors/docker/testing/grounds.ts'
import { AppError } from '../../../../kernel/errors.ts'
import { dockerGround, usual, type DockerSettingsGiven } from './docker-ground.ts'

type Ground = Awaited<ReturnType<typeof fakeGround>>

const quick = { ...usual, probe: { ...usual.probe, interval: '10ms', successes: 1 } } as const
const settings: Readonly<Record<string, DockerSettingsGiven>> = {
  'blue-green': quick,
  'blue-green with an alias': {
    ...quick,
    alias: '{project}',
    container: { env: usual.container.env, networks: ['web', 'data'] },
  },
  'fixed-port': { ...quick, container: { env: usual.container.env, ports: ['18080:8080'] } },
}
const kinds = { works: {}, crashes: { crash: true } } as const

/** Nothing of what ran before may go while nothing newer was healthy; and something has to run, but for a moment. */
function guard({ fake }: Ground, old: string, mode: string) {
  const faults: string[] = []
  const look = (request: string) => {
    const all = [...fake.state.containers.values()]
    const blue = all.find(({ id }) => id === old)
    if (blue === undefined) return void faults.push(`the old one is gone after ${request}`)
    const serving = all.filter((one) => one.state === 'running' && one.image.program.crash === undefined)
    if (mode !== 'fixed-port' && serving.length === 0) faults.push(`nothing runs after ${request}`)
  }
  return { faults, look }
}

async function oneRun(
  of: DockerSettingsGiven,
  mode: string,
  kind: keyof typeof kinds,
  k: number,
  how: 'die' | 'abort',
) {
  await using ground = await fakeGround()
  await using first = dockerGround(ground, of)
  const { fake } = ground
  const v1 = await ground.makeVersion('team/shop', 'v1')
  assert.equal((await first.deploy(v1)).is, 'deployed')
  const old = (await first.current())!.id
  const { faults, look } = guard(ground, old, mode)
  const v2 = await ground.makeVersion('team/shop', 'v2', kinds[kind])
  const abort = new AbortController()
  const from = fake.requests.length
  let reached = false
  fake.after = (request, count) => {
    look(request)
    if (count - from !== k) return
    reached = true
    if (how === 'abort') abort.abort()
    // Its process is gone: nothing that it asks gets through any more, its clearing up included.
    else void first.deployer.close()
  }
  const ended = await first.deploy(v2, { signal: abort.signal }).catch((thrown: unknown) => thrown)
  const up = [...fake.state.containers.values()].filter((one) => fake.state.isUp(one))
  if (how === 'abort') assert.ok(up.length > 0, `${mode}, ${kind}: nothing runs after an abort after call ${k}`)
  if (reached && how === 'die') assert.ok(!(ended instanceof Error) || ended instanceof AppError, String(ended))
  fake.after = look
  await using second = dockerGround(ground, of)
  const result = await second.deploy(v2)
  const all = await second.containers()
  const told = `${mode}, ${kind}, ${how} after call ${k}: ${JSON.stringify(result)} ${JSON.stringify(all, null, 1)}`
  assert.deepEqual(faults, [], told)
  assert.equal(result.is, kind === 'works' ? 'deployed' : 'rolled-back', told)
  const running = Object.entries(all).filter(([, one]) => one.running)
  assert.deepEqual(
    running.map(([name, { tag }]) => [name, tag]),
    [['shop-prod', kind === 'works' ? 'v2' : 'v1']],
    told,
  )
  assert.equal(Object.keys(all).length, kind === 'works' ? 2 : 1, told)
  assert.ok(
    Object.values(all).some(({ id }) => id === old),
    told,
  )
  if (kind === 'works') assert.equal(running[0]![1].revision, v2.digest, told)
  if (of.alias !== undefined) {
    const { networks } = [...fake.state.containers.values()].find(({ name }) => name === 'shop-prod')!
    const named = ['web', 'data'].map((network) => networks.get(network)?.includes('shop'))
    assert.deepEqual(named, [true, true], told)
  }
  return reached
}

/** At every so many calls; the cases begin at different ones. */
export function dockerKills(every: number): void {
  let cases = 0

  function atCalls(what: string, least: number, run: (k: number) => Promise<boolean>): void {
    const from = 1 + (cases++ % every)
    test(what, { timeout: 300_000 }, async () => {
      let k = from
      while (await run(k)) k += every
      assert.ok(k > least, `only ${k} calls`)
    })
  }

  suite('docker deployer, killed', () => {
    for (const [mode, of] of Object.entries(settings)) {
      for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
        for (const how of ['die', 'abort'] as const) {
          atCalls(`${mode}: the new version ${kind}, ${how} after a call`, 15, (k) => oneRun(of, mode, kind, k, how))
        }
      }
      atCalls(`${mode}: fenced before an effect, another one goes on`, 4, (k) => fencedAt(of, mode, k))
      atCalls(`${mode}: what was in place is taken back, dying after a call`, 15, (k) => takenBack(of, mode, k))
      atCalls(`${mode}: broken off anywhere, a newer version takes the place`, 15, (k) => overtaken(of, mode, k))
    }
  })
}

async function fencedAt(of: DockerSettingsGiven, mode: string, k: number): Promise<boolean> {
  await using ground = await fakeGround()
  await using first = dockerGround(ground, of)
  await first.deploy(await ground.makeVersion('team/shop', 'v1'))
  const { faults, look } = guard(ground, (await first.current())!.id, mode)
  ground.fake.after = look
  const v2 = await ground.makeVersion('team/shop', 'v2')
  let calls = 0
  let after = -1
  const fence = () => {
    calls += 1
    if (calls < k) return
    after = ground.fake.state.events.length
    throw new AppError('journal.fenced', 'another replica has it')
  }
  const ended = await first.deploy(v2, { tools: { fence } }).catch((thrown: unknown) => thrown)
  if (calls >= k) {
    assert.ok(ended instanceof AppError && ended.code === 'journal.fenced', `${mode} ${k}: ${JSON.stringify(ended)}`)
    assert.equal(calls, k, 'asked again after it was lost')
    assert.equal(ground.fake.state.events.length, after, 'something was done after it was lost')
  }
  await using second = dockerGround(ground, of)
  assert.equal((await second.deploy(v2)).is, 'deployed')
  assert.equal((await second.current())?.tag, 'v2')
  assert.equal(Object.values(await second.containers()).filter(({ running }) => running).length, 1)
  assert.deepEqual(faults, [])
  return calls >= k
}

async function overtaken(of: DockerSettingsGiven, mode: string, k: number): Promise<boolean> {
  await using ground = await fakeGround()
  await using first = dockerGround(ground, of)
  await first.deploy(await ground.makeVersion('team/shop', 'v1'))
  const v2 = await ground.makeVersion('team/shop', 'v2')
  const { fake } = ground
  const { faults, look } = guard(ground, (await first.current())!.id, mode)
  const from = fake.requests.length
  let reached = false
  fake.after = (request, count) => {
    look(request)
    if (count - from !== k) return
    reached = true
    void first.deployer.close()
  }
  await first.deploy(v2).catch(() => null)
  fake.after = null
  await using second = dockerGround(ground, of)
  const wasUp = Object.keys(await second.containers()).some((name) => name.includes('-up-'))
  // A version that fails must leave what ran, whichever of the two that is.
  const crash = await second.deploy(await ground.makeVersion('team/shop', 'v3', { crash: true }))
  assert.equal(crash.is, 'rolled-back', `${mode} ${k}: ${JSON.stringify(crash)}`)
  // What was healthy is finished, by whomever comes next.
  const left = (await second.current())?.tag ?? 'nothing'
  assert.match(left, wasUp ? /^v2$/ : /^v[12]$/, `${mode} ${k}`)
  assert.equal((await second.deploy(await ground.makeVersion('team/shop', 'v4'))).is, 'deployed')
  const all = await second.containers()
  assert.equal((await second.current())?.tag, 'v4', JSON.stringify(all))
  const running = Object.values(all).filter((one) => one.running)
  assert.equal(running.length, 1, `${mode} ${k}: ${JSON.stringify(all)}`)
  assert.equal(Object.keys(all).length, 2, `${mode} ${k}: ${JSON.stringify(all)}`)
  assert.deepEqual(faults, [])
  return reached
}

/** The version that runs is stopped by hand, and does not come up when it is put there again. */
async function takenBack(of: DockerSettingsGiven, mode: string, k: number): Promise<boolean> {
  await using ground = await fakeGround()
  await using first = dockerGround(ground, of)
  const { fake } = ground
  const [v1, v2] = [await ground.makeVersion('team/shop', 'v1'), await ground.makeVersion('team/shop', 'v2')]
  await first.deploy(v1)
  const { id } = (await first.current())!
  await first.deploy(v2)
  fake.state.stop('shop-prod')
  // A disk that is full, a database that is gone: nothing that the image itself would say.
  Object.assign(fake.state.images.get(v2.reference)!, { program: { crash: 3 } })
  const from = fake.requests.length
  let reached = false
  fake.after = (_, count) => {
    if (count - from !== k) return
    reached = true
    void first.deployer.close()
  }
  await first.deploy(v2).catch(() => null)
  fake.after = null
  await using second = dockerGround(ground, of)
  const v3 = await second.deploy(await ground.makeVersion('team/shop', 'v3'))
  const all = await second.containers()
  const told = `${mode} ${k}: ${JSON.stringify(v3)} ${JSON.stringify(all, null, 1)}`
  assert.equal(v3.is, 'deployed', told)
  assert.equal((await second.current())?.tag, 'v3', told)
  assert.equal(Object.values(all).filter(({ running }) => running).length, 1, told)
  if (!reached)
    assert.ok(
      Object.values(all).some((one) => one.id === id),
      told,
    )
  return reached
}
