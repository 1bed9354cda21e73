/** What only a real registry shows: which of our requests it tells of, what it loses, and what stays open. */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startDockerRegistry, type DockerRegistry } from '../../../../tests/parts/docker-registry.ts'
import { skipWithout } from '../../../../tests/parts/find.ts'
import { imageOf, layerOf } from '../../../../tests/parts/images.ts'
import { until } from '../../../../tests/parts/served.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { distribution } from '../hooks/distribution.ts'
import { opened } from '../registry-types/testing/opened.ts'
import { createBook } from '../stages/open.ts'
import { stageFor } from '../stages/testing/stages.ts'
import { createWatch } from './create-watch.ts'
import { memoryLedger } from './testing/ground.ts'

const skip = skipWithout('docker-registry')
const image = 'team/shop'
const place = { registry: 'under-test', image }
const stages = [
  stageFor('shop/production', { registry: 'under-test', pattern: 'v*' }),
  stageFor('shop/test', { registry: 'under-test', pattern: 'latest' }),
]

/** Takes what the registry tells, and keeps it; `up: false` hangs up on it. */
async function startReceiver() {
  const told: { action: string; tag: string | undefined }[] = []
  const listeners: ((tag: string | null) => void)[] = []
  let up = true
  const server = createServer((request, response) => {
    if (!up) return void request.socket.destroy()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as {
        events: { action: string; target: { tag?: string } }[]
      }
      for (const { action, target } of body.events) told.push({ action, tag: target.tag })
      const { pushes } = distribution.read(request.headers, body as never)
      for (const { tag } of pushes) for (const listener of listeners) listener(tag)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    told,
    onPush: (listener: (tag: string | null) => void) => listeners.push(listener),
    hangUp: () => void (up = false),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function watching(real: DockerRegistry, pollInterval: number) {
  const journal = memoryLedger(systemClock)
  const registry = opened({ type: 'oci', host: real.host, plain_http: true })
  const parts = { journal, clock: systemClock, logger: silentLogger }
  const settled = <T>(given: T) => given
  const book = createBook({ ...parts, stages, where: () => '', settled, faultsOf: () => [] })
  await book.start()
  const watch = createWatch({
    ...parts,
    book,
    ready: () => Promise.resolve(),
    registries: new Map([['under-test', registry]]),
    random: Math.random,
    settings: { pollInterval: () => pollInterval, coalesce: 0 },
    deployed: () => null,
  })
  const stopping = new AbortController()
  const listening = (async () => {
    for await (const _ of watch.sourceOf('docker').hints!(stopping.signal));
  })()
  return {
    book,
    watch,
    async close() {
      stopping.abort(null)
      await listening
      await watch.close()
      await book.close()
      await registry.close()
    },
  }
}

/** Also those that keep no process alive: connections that wait for their next use. */
function openSockets(): number {
  const isSocket = (name: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith('socket:')
    } catch {
      // Closed meanwhile.
      return false
    }
  }
  return readdirSync('/proc/self/fd').filter(isSocket).length
}

const built = async (comment: string) => imageOf([await layerOf([])], { comment })
const seenIs = (book: { state(key: string): { lastPolledTag: string | null } }, tag: string) => () =>
  book.state('shop/production').lastPolledTag === tag

test('acceptance 9: looks do not tell of themselves: where nothing moved there is no pull', { skip }, async () => {
  const receiver = await startReceiver()
  const real = await startDockerRegistry({ notify: { url: receiver.url } })
  const { book, watch, close } = await watching(real, 100)
  try {
    for (const tag of ['v1', 'latest']) await real.shelf.put(image, tag, await built(tag))
    // Whatever it is told of, a push or not, has it look: the worst that a receiver can do.
    let hinted = 0
    receiver.onPush((tag) => (hinted += watch.hint(place, 'webhook', tag).length))
    await watch.look(place, AbortSignal.timeout(10_000))
    await until('the first poll', seenIs(book, 'v1'))
    const marker = async (name: string) => {
      await real.shelf.put('team/marker', name, await built(name))
      await until(name, () => receiver.told.some(({ tag }) => tag === name))
    }
    await marker('before')
    const before = receiver.told.length
    hinted = 0
    await real.forget()
    const polled = async () => (await real.requests()).filter(({ agent }) => agent.startsWith('regista/'))
    await until('many polls', async () => (await polled()).length >= 40)
    const requests = await polled()
    await marker('after')
    const pulls = receiver.told.slice(before).filter(({ action }) => action === 'pull')
    assert.deepEqual([pulls, hinted], [[], 0])
    const heads = requests.filter(({ method }) => method === 'HEAD')
    assert.ok(heads.length >= 10)
    assert.deepEqual(new Set(heads.map(({ status }) => status)), new Set([304]))
    // The chosen tag of the list is not asked for again.
    assert.deepEqual(new Set(heads.map(({ path }) => path)), new Set([`/v2/${image}/manifests/latest`]))
  } finally {
    await close()
    await real[Symbol.asyncDispose]()
    await receiver.close()
  }
})

test(
  'acceptance 8: a registry that is restarted has lost the event; the next poll finds the push',
  { skip },
  async () => {
    const receiver = await startReceiver()
    const real = await startDockerRegistry({ notify: { url: receiver.url } })
    const { book, watch, close } = await watching(real, 2_000)
    try {
      await real.shelf.put(image, 'v1', await built('v1'))
      receiver.onPush((tag) => void watch.hint(place, 'webhook', tag))
      await watch.look(place, AbortSignal.timeout(10_000))
      await until('the first look', seenIs(book, 'v1'))
      receiver.hangUp()
      await real.shelf.put(image, 'v2', await built('v2'))
      await real.kill()
      await real.start()
      const [status] = watch.places()
      assert.ok(status?.nextAt != null)
      await until('the next poll', seenIs(book, 'v2'))
      assert.ok(!receiver.told.some(({ tag }) => tag === 'v2'))
    } finally {
      await close()
      await real[Symbol.asyncDispose]()
      await receiver.close()
    }
  },
)

test('acceptance 12: closing leaves no timer and no socket open', { skip }, async () => {
  const real = await startDockerRegistry()
  await real.shelf.put(image, 'v1', await built('v1'))
  const timers = () => process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate/.test(name)).length
  const open = () => timers() + openSockets()
  const before = open()
  const { watch, close } = await watching(real, 50)
  try {
    await watch.look(place, AbortSignal.timeout(10_000))
    // It is closed while it waits for an answer.
    real.signal('SIGSTOP')
    watch.hint(place, 'webhook', null)
    await until('requests without an answer', () => watch.places()[0]?.looking === true && open() > before)
  } finally {
    await close()
  }
  try {
    await until('nothing open', () => open() <= before, { bound: 5_000 })
  } finally {
    real.signal('SIGCONT')
    await real[Symbol.asyncDispose]()
  }
})
