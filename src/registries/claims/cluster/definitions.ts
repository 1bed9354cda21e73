/** What CompositeResourceDefinitions define, as they come and go. */
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import { fullJitter, type Random } from '../../../kernel/retry.ts'
import { definitionsPath, kindsOfDefinition, type Kind } from './kinds.ts'

export interface Definitions {
  /** Rejects while they cannot be read. */
  kinds(signal: AbortSignal): Promise<readonly Kind[]>
  lost(): AppError | null
  stop(): Promise<void>
}

export interface DefinitionsOptions {
  readonly kubernetes: Pick<Kubernetes, 'kinds' | 'listWatch' | 'name'>
  readonly clock: Clock
  readonly random: Random
  changed(): void
}

const patience: Ms = 20_000
const backoff = { first: 1_000, most: 30_000 } as const

/** Watched from the first question on. */
export function createDefinitions({ kubernetes, clock, random, changed }: DefinitionsOptions): Definitions {
  const stopping = new AbortController()
  const heard = Promise.withResolvers<void>()
  const known = new Map<string, readonly Kind[]>()
  let lost: AppError | null = new AppError('source.unavailable', 'the definitions were not read yet')
  let running: Promise<void> | null = null

  async function watch(): Promise<void> {
    const path = await definitionsPath(kubernetes, stopping.signal)
    /** What this list told; what an earlier one told and this did not is gone. */
    const seen = new Set<string>()
    for await (const one of kubernetes.listWatch({ path, project: kindsOfDefinition }, stopping.signal)) {
      if (one.is === 'lost') {
        lost = one.why
        if (one.why.data['why'] === 'not-found') return
      } else if (one.is === 'synced') {
        for (const key of known.keys()) if (!seen.has(key)) known.delete(key)
        lost = null
      } else if (one.is === 'put') {
        seen.add(one.key)
        if (JSON.stringify(known.get(one.key)) === JSON.stringify(one.item)) continue
        known.set(one.key, one.item)
      } else if (one.is === 'gone') {
        seen.delete(one.key)
        known.delete(one.key)
      } else {
        // Not to be understood: what it defined before it still defines.
        seen.add(one.key)
        continue
      }
      if (one.is === 'lost' || one.is === 'synced') heard.resolve()
      if (one.is === 'lost' || lost === null) changed()
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      try {
        await watch()
      } catch (thrown) {
        if (stopping.signal.aborted) return
        lost = asAppError(thrown, 'source.unavailable')
        changed()
      }
      heard.resolve()
      await clock.sleep(fullJitter(failures, backoff, random), stopping.signal)
    }
  }

  return {
    async kinds(signal) {
      running ??= run()
      const done = new AbortController()
      await Promise.race([heard.promise, clock.sleep(patience, AbortSignal.any([done.signal, signal]))])
      done.abort(null)
      if (lost !== null) throw lost
      return [...known.values()].flat()
    },
    lost: () => lost,
    async stop() {
      stopping.abort()
      heard.resolve()
      await running
    },
  }
}
