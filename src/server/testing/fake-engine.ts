import type { Engine, PassReport, SyncStatus } from '../../engine/engine.ts'

export interface FakeEngine extends Engine {
  /** What was called, in order. */
  readonly calls: readonly unknown[][]
  /** Ids that `release` finds. */
  readonly held: Set<string>
}

const nothing: Omit<PassReport, 'sync'> = {
  took: 1,
  scopes: { complete: 1, unchanged: 0, unavailable: 0 },
  entries: { appeared: 0, changed: 0, gone: 0, troubles: 0 },
  targets: [],
  unread: null,
  ok: true,
}

/** An engine that only notes what it is asked for. */
export function createFakeEngine(names: readonly string[]): FakeEngine {
  const calls: unknown[][] = []
  const paused = new Set<string>()
  const held = new Set<string>()
  const note = async (...call: unknown[]): Promise<void> => {
    await Promise.resolve()
    calls.push(call)
  }
  const status = (sync: string): SyncStatus => ({
    sync,
    registry: 'fake',
    state: paused.has(sync) ? 'paused' : 'active',
    running: false,
    owner: true,
    lastPassAt: null,
    lastPassOk: null,
    nextPassAt: null,
  })
  return {
    calls,
    held,
    syncs: names,
    start() {},
    stop: () => Promise.resolve(),
    status: (sync) => Promise.resolve(status(sync)),
    fence: () => null,
    async pass(sync, options) {
      await note('pass', sync, options)
      return { sync, ...nothing }
    },
    async plan(sync, options) {
      await note('plan', sync, options)
      const hold = { reason: 'absent', hold: 'removal-budget' } as const
      const change = { target: 'one', key: 'a', op: 'delete', label: null, from: 'd', to: null, ...hold } as const
      return { changes: [change], looked: { sync, ...nothing } }
    },
    hint() {},
    async pause(sync, by) {
      await note('pause', sync, by)
      paused.add(sync)
    },
    async resume(sync, by) {
      await note('resume', sync, by)
      paused.delete(sync)
    },
    async release(hold, by) {
      await note('release', hold, by)
      return held.delete(hold)
    },
    async reconsider(sync, key) {
      await note('reconsider', sync, key)
    },
    async forget(what, by) {
      await note('forget', what, by)
      return 3
    },
  }
}
