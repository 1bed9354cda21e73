import assert from 'node:assert/strict'
import { after, before, suite, test, type TestContext } from 'node:test'
import { withoutKubeApiServer } from '../../../connectors/kubernetes/testing/kube-apiserver.ts'
import type { Behaviour } from '../../../connectors/kubernetes/testing/workload-controller.ts'
import type { Workload } from '../model.ts'
import type { DeployTools } from './deployer.ts'
import { noted, type Note } from './kubernetes-record.ts'
import { imageFor, openRoom, realServer, repository, simulated } from './testing/kubernetes-ground.ts'
import type { ClusterGround, Room } from './testing/kubernetes-ground.ts'
import { digestFor, follow, releaseFor, requestFor, stageFor, workloadFor } from './testing/releases.ts'

const kinds = ['Deployment', 'StatefulSet', 'DaemonSet'] as const
const { signal } = new AbortController()
const stageOf = (kind: Workload['kind'], container: string | null = null) =>
  stageFor({ workload: workloadFor(kind, { container }) })

const grounds = [
  { name: 'simulator', open: simulated, skip: false as const },
  { name: 'kube-apiserver', open: realServer, skip: withoutKubeApiServer() },
]

for (const { name, open, skip } of grounds) {
  suite(`Kubernetes deployer: ${name}`, { skip }, () => {
    let ground: ClusterGround
    let count = 0
    before(async () => {
      ground = await open()
    })
    after(() => ground?.dispose())
    const room = async (t: TestContext): Promise<Room> => {
      count += 1
      const opened = await openRoom(ground, `shop-${count}`)
      t.after(() => opened.close())
      return opened
    }
    rollsOut(room)
    besideControllers(room)
    goesBack(room)
    resumes(room)
    tellsClearly(room)
    looks(room)
    redeploys(room)
  })
}

type OpenRoom = (t: TestContext) => Promise<Room>

const turn = (here: Room) => async () => {
  await here.controller.step()
  here.pass(5000)
}

function rollsOut(room: OpenRoom): void {
  for (const kind of kinds) {
    test(`${kind}: sets the image by digest, and is done when its pods run`, async (t) => {
      const here = await room(t)
      await here.add(kind)
      const stage = stageOf(kind)
      here.behave('2', 'slow')
      const { result, calls, said } = await follow(here.deployer, requestFor(stage, '2'), turn(here))
      assert.equal(result.is, 'deployed', JSON.stringify(result))
      assert.ok(calls > 3, `${calls} calls`)
      assert.ok(
        said.some((step) => /of 3 pods replaced/.test(step)),
        said.join('\n'),
      )
      assert.equal(await here.image(kind), imageFor('2'))
      const running = await here.deployer.look!([stage], signal)
      assert.deepEqual(running, [{ key: 'shop/prod', revision: digestFor('2'), tag: '2', owned: true }])
      assert.ok(here.controller.least('web') >= (kind === 'Deployment' ? 3 : 2))
    })
  }

  test('without pods it is done at once, and says so', async (t) => {
    const here = await room(t)
    await here.add('Deployment', { replicas: 0 })
    const { result } = await follow(here.deployer, requestFor(stageOf('Deployment'), '2'), turn(here))
    assert.ok(result.is === 'deployed' && /no pods/.test(result.detail ?? ''), JSON.stringify(result))
  })

  test('a partition keeps some pods as they were, and that is told', async (t) => {
    const here = await room(t)
    await here.add('StatefulSet', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } })
    const { result } = await follow(here.deployer, requestFor(stageOf('StatefulSet'), '2'), turn(here))
    assert.ok(result.is === 'deployed' && result.detail?.startsWith('2 of 3 pods'), JSON.stringify(result))
  })
}

function besideControllers(room: OpenRoom): void {
  test('several versions in a row, while controllers write all the time', async (t) => {
    const here = await room(t)
    await here.add('Deployment', {}, imageFor('0'))
    const stop = new AbortController()
    const running = here.controller.run(stop.signal, 1)
    try {
      for (const tag of ['1', '2', '3', '4', '5']) {
        here.behave(tag, tag === '3' ? 'crash-loops' : 'slow')
        const { result } = await follow(
          here.deployer,
          requestFor(stageOf('Deployment'), tag),
          async () => {
            await new Promise((resolve) => setImmediate(resolve))
            if (tag === '3') here.pass(1000)
          },
          { most: 5000 },
        )
        assert.equal(result.is, tag === '3' ? 'rolled-back' : 'deployed', JSON.stringify(result))
      }
    } finally {
      stop.abort()
      await running
    }
    assert.equal(await here.image('Deployment'), imageFor('5'))
    assert.ok(here.controller.least('web') >= 3)
  })
}

function goesBack(room: OpenRoom): void {
  const cases: readonly (readonly [Behaviour, RegExp])[] = [
    ['crash-loops', /CrashLoopBackOff \(exit code 3, Error, 4 restarts\)/],
    ['never-pulled', /ImagePullBackOff: Back-off pulling image/],
  ]
  for (const kind of kinds) {
    for (const [behaviour, reason] of cases) {
      test(`${kind}: a version that ${behaviour} is taken back, and the reason shown`, async (t) => {
        const here = await room(t)
        await here.add(kind, {}, imageFor('1'))
        const stage = stageOf(kind)
        here.behave('bad', behaviour)
        const { result } = await follow(here.deployer, requestFor(stage, 'bad'), async () => {
          await here.controller.step()
          // StatefulSets and DaemonSets have no deadline of their own.
          here.pass(90_000)
        })
        assert.ok(result.is === 'rolled-back', JSON.stringify(result))
        assert.match(result.why, reason)
        assert.doesNotMatch(result.why, /does not come up either/)
        assert.match(result.why, kind === 'Deployment' ? /^ProgressDeadlineExceeded/ : /^no progress for 600 s/)
        assert.equal(await here.image(kind), imageFor('1'))
        // Of a Deployment none of those that served was ever gone; of the others the one that was replaced.
        assert.equal(here.controller.least('web'), kind === 'Deployment' ? 3 : 2)
        const [running] = await here.deployer.look!([stage], signal)
        assert.equal(running?.revision, digestFor('1'))
      })
    }
  }

  test('where the image was there already there is nothing to go back to', async (t) => {
    const here = await room(t)
    await here.add('Deployment', {}, imageFor('1'))
    here.behave('bad', 'crash-loops')
    await here.patch('Deployment', { spec: { template: templateWith(imageFor('bad')) } })
    await here.controller.step()
    const { result } = await follow(here.deployer, requestFor(stageOf('Deployment'), 'bad'), turn(here))
    assert.ok(result.is === 'refused' && /none to go back to/.test(result.why), JSON.stringify(result))
  })

  test('a newer version that comes while one is rolled out goes back to what last ran, not to that one', async (t) => {
    const here = await room(t)
    await here.add('Deployment', {}, imageFor('1'))
    const stage = stageOf('Deployment')
    here.behave('2', 'ignored')
    here.behave('3', 'crash-loops')
    assert.equal((await once(here, requestFor(stage, '2'))).is, 'pending')
    const { result } = await follow(here.deployer, requestFor(stage, '3'), turn(here))
    assert.equal(result.is, 'rolled-back')
    assert.equal(await here.image('Deployment'), imageFor('1'))
  })
}

function resumes(room: OpenRoom): void {
  test('a controller that gave up on what was there before is no reason to go back', async (t) => {
    const here = await room(t)
    await here.add('Deployment', {}, imageFor('1'))
    here.behave('bad', 'crash-loops')
    await here.patch('Deployment', { spec: { template: templateWith(imageFor('bad')) } })
    for (let n = 0; n < 6; n += 1) await here.controller.step()
    const request = requestFor(stageOf('Deployment'), '1')
    const first = await once(here, request)
    assert.ok(first.is === 'pending')
    // Its controller has seen the change, and not yet found anything to say of it.
    const { metadata, status } = await here.get('Deployment')
    const path = `/apis/apps/v1/namespaces/${here.namespace}/deployments/web/status`
    const seen = { ...(status as object), observedGeneration: metadata.generation }
    await here.client.patch(path, { status: seen }, signal)
    const second = await here.deployer.deploy(request, { ...tools(), handle: first.handle }, signal)
    assert.equal(second.is, 'pending', JSON.stringify(second))
    assert.equal((await follow(here.deployer, request, turn(here), { handle: first.handle })).result.is, 'deployed')
  })

  test('another process goes on from the annotation, also back to what ran before', async (t) => {
    const here = await room(t)
    await here.add('DaemonSet', {}, imageFor('1'))
    const request = requestFor(stageOf('DaemonSet'), 'bad')
    here.behave('bad', 'crash-loops')
    const states: string[] = []
    // A new process for each call, and none of them has a handle.
    let result = await once(here, request)
    for (let n = 0; result.is === 'pending' && n < 20; n += 1) {
      await here.controller.step()
      const other = here.another()
      await other.deploy(request, tools(), signal)
      here.pass(700_000)
      result = await other.deploy(request, tools(), signal)
      states.push(await stateOf(here, 'DaemonSet'))
    }
    assert.equal(result.is, 'rolled-back', JSON.stringify([result, states]))
    assert.equal(await here.image('DaemonSet'), imageFor('1'))
    const again = await here.another().deploy(request, tools(), signal)
    assert.deepEqual(again, result)
  })

  test('goes on from the handle where somebody took the annotation away', async (t) => {
    const here = await room(t)
    await here.add('Deployment', {}, imageFor('1'))
    here.behave('bad', 'crash-loops')
    const { result } = await follow(here.deployer, requestFor(stageOf('Deployment'), 'bad'), async () => {
      await here.patch('Deployment', { metadata: { annotations: { [noted]: null } } })
      await here.controller.step()
      here.pass(60_000)
    })
    assert.equal(result.is, 'rolled-back')
    assert.equal(await here.image('Deployment'), imageFor('1'))
  })

  test('an image that somebody else sets meanwhile is left alone', async (t) => {
    const here = await room(t)
    await here.add('Deployment')
    const { result } = await follow(here.deployer, requestFor(stageOf('Deployment'), '2'), async () => {
      await here.patch('Deployment', { spec: { template: templateWith('other.example/x:9') } })
    })
    assert.ok(result.is === 'refused' && /other\.example\/x:9/.test(result.why))
    assert.equal(await here.image('Deployment'), 'other.example/x:9')
  })
}

function tellsClearly(room: OpenRoom): void {
  test('a workload that is missing, paused, or replaces no pods by itself is not touched', async (t) => {
    const here = await room(t)
    const said = async (kind: Workload['kind'], container: string | null = null) => {
      const result = await once(here, requestFor(stageOf(kind, container), '2'))
      assert.ok(result.is === 'failed' && result.effect === 'none', JSON.stringify(result))
      return result.error.detail
    }
    assert.match(await said('Deployment'), /there is no Deployment shop-\d+\/web; make it/)
    await here.add('Deployment', { paused: true })
    assert.match(await said('Deployment'), /paused; resume them/)
    await here.add('StatefulSet', { updateStrategy: { type: 'OnDelete' } })
    assert.match(await said('StatefulSet'), /OnDelete/)
    await here.patch('StatefulSet', {
      spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 3 } } },
    })
    assert.match(await said('StatefulSet'), /partition of 3 keeps all/)
    assert.match(await said('StatefulSet', 'side'), /has no container side; name one of main/)
    const template = templateWith(`${repository}:1`, `${repository}:1`)
    await here.add('DaemonSet', { template: { metadata: { labels: { app: 'web' } }, ...template } })
    assert.match(await said('DaemonSet'), /several containers; name one of main, side-1/)
    for (const kind of kinds) {
      assert.equal(await here.image(kind), `${repository}:1`)
      assert.equal((await here.get(kind)).metadata.annotations?.[noted], undefined)
    }
  })

  test('of several containers only the one that the stage names is set', async (t) => {
    const here = await room(t)
    const template = { metadata: { labels: { app: 'web' } }, ...templateWith(`${repository}:1`, 'side.example/x:1') }
    await here.add('Deployment', { template })
    const request = requestFor(stageOf('Deployment', 'side-1'), '2')
    assert.equal((await follow(here.deployer, request, turn(here))).result.is, 'deployed')
    const spec = (await here.get('Deployment'))['spec'] as ReturnType<typeof specWith>
    assert.deepEqual(
      spec.template.spec.containers.map(({ image }) => image),
      [`${repository}:1`, imageFor('2')],
    )
  })
}

function looks(room: OpenRoom): void {
  test('tells what somebody else set by its digest, else by its tag, and of other images by their names', async (t) => {
    const here = await room(t)
    const [stage] = [stageOf('Deployment')]
    const look = async () => (await here.deployer.look!([stage], signal))[0]
    assert.equal(await look(), undefined)
    await here.add('Deployment', {}, `${repository}:7`)
    assert.deepEqual(await look(), { key: 'shop/prod', revision: null, tag: '7', owned: false })
    const set = (image: string) => here.patch('Deployment', { spec: { template: templateWith(image) } })
    await set(`${repository}:7@${digestFor('7')}`)
    assert.deepEqual(await look(), { key: 'shop/prod', revision: digestFor('7'), tag: '7', owned: false })
    await set('127.0.0.1:5000/other:7')
    assert.deepEqual(await look(), { key: 'shop/prod', revision: null, tag: '127.0.0.1:5000/other:7', owned: false })
  })

  test('as long as a rollout goes on, what ran before is what runs', async (t) => {
    const here = await room(t)
    await here.add('Deployment', {}, imageFor('1'))
    const stage = stageOf('Deployment')
    const revision = async () => (await here.deployer.look!([stage], signal))[0]?.revision
    here.behave('2', 'ignored')
    await once(here, requestFor(stage, '2'))
    assert.equal(await revision(), digestFor('1'))
    here.behave('2', 'rolls-out')
    await here.controller.step()
    assert.equal(await revision(), digestFor('2'))
  })
}

function redeploys(room: OpenRoom): void {
  test('the same image once more makes new pods only where that is wanted', async (t) => {
    const here = await room(t)
    await here.add('Deployment')
    const stage = stageOf('Deployment')
    await follow(here.deployer, requestFor(stage, '2'), turn(here))
    const pods = async () => JSON.stringify(((await here.get('Deployment'))['spec'] as { template: object }).template)
    const before = await pods()
    const anew = requestFor(stage, '2', { effectId: 'another' })
    assert.equal((await follow(here.deployer, anew, turn(here))).result.is, 'deployed')
    assert.equal(await pods(), before)
    const revision = digestFor('once more')
    const once = requestFor(stage, '2', { release: releaseFor(stage, '2', { revision }) })
    const { result, calls } = await follow(here.deployer, once, turn(here))
    assert.ok(result.is === 'deployed' && calls > 1)
    assert.notEqual(await pods(), before)
    assert.equal(await here.image('Deployment'), imageFor('2'))
    const running = await here.deployer.look!([stage], signal)
    assert.deepEqual(running, [{ key: 'shop/prod', revision, tag: '2', owned: true }])
  })
}

const tools = (): DeployTools => ({ handle: null, say: () => {}, fence: () => {} })

const once = (here: Room, request: ReturnType<typeof requestFor>) => here.deployer.deploy(request, tools(), signal)

function specWith(...images: readonly string[]) {
  return { template: templateWith(...images) }
}

function templateWith(...images: readonly string[]) {
  const containers = images.map((image, at) => ({ name: at === 0 ? 'main' : `side-${at}`, image }))
  return { spec: { containers } }
}

async function stateOf(here: Room, kind: Workload['kind']): Promise<string> {
  const notes = JSON.parse((await here.get(kind)).metadata.annotations![noted]!) as Record<string, Note>
  return notes['main']!.state
}
