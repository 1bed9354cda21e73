/** Engines that the same suites run on: one made up, and Podman's. */
import { randomBytes } from 'node:crypto'
import { startPodmanGround, type PodmanGround } from '../../../../tests/parts/podman.ts'
import type { MakeVersion } from '../../../../tests/parts/versions.ts'
import { startFakeEngine, type FakeEngine, type FakeEngineOptions } from './fake-engine.ts'

export interface EngineGround extends AsyncDisposable {
  readonly socket: string
  /** Of the registry that it pulls from. */
  readonly host: string
  readonly makeVersion: MakeVersion
  kill(): Promise<void>
  start(): Promise<void>
}

export const digest = (): string => `sha256:${randomBytes(32).toString('hex')}`

export async function fakeGround(
  options: FakeEngineOptions = {},
): Promise<EngineGround & { readonly fake: FakeEngine }> {
  const fake = await startFakeEngine(options)
  const host = 'registry.test:5000'
  return {
    fake,
    host,
    socket: fake.socket,
    makeVersion(name, tag, { crash = false, slow = 0, command } = {}) {
      const made = { repository: `${host}/${name}`, tag, digest: digest() }
      const ends = command?.[0] === '/bin/true' ? { crash: 0 } : {}
      const says = crash ? [`version ${tag}`, 'cannot read the settings (token s3cr3t-value)'] : [`version ${tag}`]
      fake.offer(made.repository, made.digest, { ...ends, ...(crash && { crash: 3 }), slow, says })
      return Promise.resolve({ ...made, reference: `${made.repository}@${made.digest}` })
    },
    kill: () => fake.die(),
    start: () => fake.revive(),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  }
}

/** Each call gives one that is empty; behind them is one service, for starting it takes longer than most tests. */
export function podmanGrounds(): { open(): Promise<EngineGround>; close(): Promise<void> } {
  let shared: Promise<PodmanGround> | null = null
  let lent = 0
  return {
    async open() {
      shared ??= startPodmanGround()
      const { podman, registry, makeVersion } = await shared
      const before = `ground-${(lent += 1)}`
      return {
        socket: podman.socket,
        host: registry.host,
        // In a repository of its own: images stay.
        makeVersion: (name, tag, options) => makeVersion(`${before}/${name}`, tag, options),
        kill: podman.kill,
        start: podman.start,
        [Symbol.asyncDispose]: () => podman.empty(),
      }
    },
    async close() {
      await (await shared)?.[Symbol.asyncDispose]()
    },
  }
}
