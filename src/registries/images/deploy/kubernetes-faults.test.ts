/** What a cluster may answer besides: on the simulator, which can be told to. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { Seen } from '../../../connectors/kubernetes/testing/simulator.ts'
import { waitFor } from '../../../connectors/kubernetes/testing/reading.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { DeployResult } from './deployer.ts'
import { noted, runningOf } from './kubernetes-record.ts'
import { rolloutOf } from './kubernetes-rollout.ts'
import { parseImage, type WorkloadObject } from './kubernetes-workload.ts'
import { imageFor, openRoom, simulated } from './testing/kubernetes-ground.ts'
import { digestFor, follow, requestFor, stageFor, workloadFor } from './testing/releases.ts'

const { signal } = new AbortController()
const stage = stageFor({ workload: workloadFor('Deployment') })
const request = requestFor(stage, '2')

async function ground(t: TestContext) {
  const { simulator, ...rest } = await simulated()
  const room = await openRoom({ simulator, ...rest }, 'shop')
  t.after(async () => {
    await room.close()
    await rest.dispose()
  })
  await room.add('Deployment', {}, imageFor('1'))
  const step = (handle: Json = null) =>
    room.deployer.deploy(request, { handle, say: () => {}, fence: () => {} }, signal)
  return { simulator: simulator!, room, step }
}

const isPatch = ({ method, path }: Seen) => method === 'PATCH' && path.endsWith('/deployments/web')
const isRead = ({ method, path }: Seen) => method === 'GET' && path.endsWith('/deployments/web')
const turnOf = (room: { controller: { step(): Promise<void> } }) => () => room.controller.step()

function failed(result: DeployResult): { code: string; detail: string; effect: string } {
  assert.ok(result.is === 'failed', JSON.stringify(result))
  return { code: result.error.code, detail: result.error.detail, effect: result.effect }
}

test('a conflict is tried again with what is there then; one that does not end had no effect', async (t) => {
  const { simulator, room } = await ground(t)
  simulator.fault({ when: isPatch, status: 409, times: 3 })
  assert.equal((await follow(room.deployer, request, turnOf(room))).result.is, 'deployed')
  simulator.fault({ when: isPatch, status: 409, times: 100 })
  const other = requestFor(stage, '3')
  const result = await room.deployer.deploy(other, { handle: null, say: () => {}, fence: () => {} }, signal)
  assert.deepEqual([failed(result).code, failed(result).effect], ['target.conflict', 'none'])
})

test('what somebody set between our look and our change is what a rollback goes back to', async (t) => {
  const { simulator, room, step } = await ground(t)
  const changed = Promise.withResolvers<void>()
  simulator.fault({ when: isPatch, until: changed.promise })
  const result = step()
  await waitFor(
    () => simulator.seen.some(isPatch),
    () => 'nothing was patched',
  )
  const containers = [{ name: 'main', image: imageFor('hotfix') }]
  await room.patch('Deployment', { spec: { template: { spec: { containers } } } })
  changed.resolve()
  const { handle } = (await result) as unknown as { handle: { previous: { image: string } } }
  assert.equal(handle.previous.image, imageFor('hotfix'))
})

test('a right that is missing is named as a role names it', async (t) => {
  const { simulator, step } = await ground(t)
  simulator.fault({ when: isRead, status: 403 })
  const read = failed(await step())
  assert.match(read.detail, /needs the verb get on deployments \(apps\) in namespace shop/)
  simulator.fault({ when: isPatch, status: 403 })
  const written = failed(await step())
  assert.match(written.detail, /needs the verb patch on deployments \(apps\) in namespace shop/)
  assert.deepEqual([read.effect, written.effect], ['none', 'none'])
})

test('pods that may not be listed are no reason to wait', async (t) => {
  const { simulator, room } = await ground(t)
  room.behave('2', 'crash-loops')
  const isPods = ({ path, query }: Seen) => path.endsWith('/pods') && query.get('limit') === '500'
  let controlled = false
  simulator.fault({ when: (seen) => !controlled && isPods(seen), status: 403, times: 100 })
  const { result } = await follow(room.deployer, request, async () => {
    controlled = true
    await room.controller.step()
    controlled = false
    room.pass(20_000)
  })
  assert.ok(
    result.is === 'rolled-back' && /may not be listed in namespace shop/.test(result.why),
    JSON.stringify(result),
  )
})

test('an image that the cluster will not have is refused', async (t) => {
  const { simulator, step } = await ground(t)
  simulator.fault({ when: isPatch, status: 422 })
  const result = await step()
  assert.ok(result.is === 'refused' && result.until === 'item', JSON.stringify(result))
})

for (const behaviour of ['slow', 'crash-loops'] as const) {
  test(`an API server that dies at any request of a version that ${behaviour}: the same end`, async (t) => {
    for (let at = 1, over = false; !over; at += 1) {
      assert.ok(at < 100)
      await t.test(`at request ${at}`, async (inner) => {
        const { simulator, room, step } = await ground(inner)
        room.behave('2', behaviour)
        let asked = 0
        let stepping = false
        simulator.fault({ when: () => stepping && (asked += 1) === at, cut: true })
        let handle: Json = null
        let result: DeployResult = { is: 'pending', handle, again: 0 }
        for (let calls = 0; calls < 40 && (result.is === 'pending' || result.is === 'failed'); calls += 1) {
          stepping = true
          result = await step(handle)
          stepping = false
          handle = result.is === 'pending' ? result.handle : null
          await room.controller.step()
          room.pass(20_000)
        }
        assert.equal(result.is, behaviour === 'slow' ? 'deployed' : 'rolled-back', JSON.stringify(result))
        assert.equal(await room.image('Deployment'), imageFor(behaviour === 'slow' ? '2' : '1'))
        over = asked < at
      })
    }
  })
}

test('a cluster that does not answer is waited for while a rollout goes on, and not for ever', async (t) => {
  const { simulator, room, step } = await ground(t)
  const first = await step()
  assert.ok(first.is === 'pending')
  await simulator.stop()
  const second = await step(first.handle)
  assert.ok(second.is === 'pending' && /does not answer/.test(second.detail ?? ''), JSON.stringify(second))
  assert.deepEqual(second.handle, first.handle)
  room.pass(700_000)
  assert.equal(failed(await step(first.handle)).code, 'source.unavailable')
  await simulator.start()
  await room.controller.step()
  assert.equal((await step()).is, 'deployed')
})

test('before any effect nothing was done by a cluster that does not answer', async (t) => {
  const { simulator, step } = await ground(t)
  await simulator.stop()
  assert.equal(failed(await step()).effect, 'none')
  await simulator.start()
  simulator.fault({ when: isPatch, cut: true })
  assert.equal(failed(await step()).effect, 'unknown')
})

test('without the lease nothing is written', async (t) => {
  const { room } = await ground(t)
  const fence = () => {
    throw new AppError('journal.fenced', 'another replica has it')
  }
  await assert.rejects(room.deployer.deploy(request, { handle: null, say: () => {}, fence }, signal), {
    code: 'journal.fenced',
  })
  assert.equal(await room.image('Deployment'), imageFor('1'))
})

test('a look that cannot see one of its workloads says so, and names the right', async (t) => {
  const { simulator, room } = await ground(t)
  const other = stageFor({ stage: 'other', workload: workloadFor('DaemonSet') })
  const bare = stageFor({ stage: 'bare' })
  assert.deepEqual(
    (await room.deployer.look!([stage, other, bare], signal)).map(({ key }) => key),
    ['shop/prod'],
  )
  simulator.fault({ when: isRead, status: 403 })
  await assert.rejects(room.deployer.look!([stage], signal), { detail: /needs the verb get on deployments/ })
})

test('an annotation that somebody else wrote is read as far as it makes sense', () => {
  const object = (text: string) =>
    ({
      metadata: { name: 'web', annotations: { [noted]: text } },
      spec: { template: { spec: { containers: [] } } },
    }) as WorkloadObject
  const container = { name: 'main', image: imageFor('1'), list: 'containers' } as const
  const none = runningOf('Deployment', object('{}'), container)
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ main: fc.jsonValue() }).map((value) => JSON.stringify(value)),
  )
  fc.assert(fc.property(texts, (text) => assert.deepEqual(runningOf('Deployment', object(text), container), none)))
})

test('names of images are read as a runtime reads them', () => {
  const cases: readonly (readonly [string, string, string | null, string | null])[] = [
    ['nginx', 'nginx', null, null],
    ['nginx:1.27', 'nginx', '1.27', null],
    ['localhost:5000/a/b', 'localhost:5000/a/b', null, null],
    ['localhost:5000/a/b:1', 'localhost:5000/a/b', '1', null],
    [`h:1/a:2@${digestFor('x')}`, 'h:1/a', '2', digestFor('x')],
  ]
  for (const [image, repository, tag, digest] of cases) assert.deepEqual(parseImage(image), { repository, tag, digest })
})

test('a status of before the change is no sign of its end', () => {
  const status = { observedGeneration: 4, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }
  const object = {
    metadata: { name: 'web', generation: 5 },
    spec: { replicas: 1, template: { spec: { containers: [] } } },
  }
  assert.equal(rolloutOf('Deployment', { ...object, status }).is, 'going')
  assert.equal(rolloutOf('Deployment', { ...object, status: { ...status, observedGeneration: 5 } }).is, 'done')
  const old = { ...status, observedGeneration: 5, replicas: 2 }
  assert.equal(rolloutOf('Deployment', { ...object, status: old }).is, 'going')
  const counts = { desiredNumberScheduled: 2, updatedNumberScheduled: 2 }
  const daemons = (numberAvailable: number) => ({ observedGeneration: 5, ...counts, numberAvailable })
  assert.equal(rolloutOf('DaemonSet', { ...object, status: daemons(1) }).is, 'going')
  assert.equal(rolloutOf('DaemonSet', { ...object, status: daemons(2) }).is, 'done')
  const set = { ...status, observedGeneration: 5, currentRevision: 'a', updateRevision: 'b' }
  assert.equal(rolloutOf('StatefulSet', { ...object, status: set }).is, 'going')
  assert.equal(rolloutOf('StatefulSet', { ...object, status: { ...set, currentRevision: 'b' } }).is, 'done')
})
