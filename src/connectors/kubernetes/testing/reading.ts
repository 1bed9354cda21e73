/** Somebody who reads a list-watch for a test, and keeps what was told. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ms } from '../../../kernel/clock.ts'
import type { Kubernetes } from '../client.ts'
import { leasesPath } from '../leases.ts'
import type { ListWatchQuery, Observed } from '../list-watch.ts'
import type { KubernetesObject } from '../objects.ts'

/** For what takes milliseconds on an idle machine. */
const bound: Ms = 30_000

export const docsLeases = leasesPath('docs')

export const lease = (name: string, holder: string | null, labels: Record<string, string> = {}): KubernetesObject => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, labels },
  spec: holder === null ? {} : { holderIdentity: holder },
})

export function holderOf(object: KubernetesObject): string {
  const { holderIdentity } = object['spec'] as { readonly holderIdentity?: string }
  if (holderIdentity === undefined) throw new Error('nobody holds it')
  return holderIdentity
}

export interface Reading {
  readonly observed: readonly Observed<string>[]
  /** The same as texts: `put ns/name holder`, `gone ns/name`, `synced`, `lost why`. */
  readonly told: readonly string[]
  /** Waits until this was told so often, in all. */
  heard(text: string, times?: number): Promise<void>
  /** Resolves when the reader has ended. */
  stop(): Promise<void>
}

export function startReading(client: Kubernetes, query: Partial<ListWatchQuery<string>> = {}): Reading {
  const abort = new AbortController()
  const observed: Observed<string>[] = []
  const told: string[] = []
  const reading = (async () => {
    for await (const one of client.listWatch({ path: docsLeases, project: holderOf, ...query }, abort.signal)) {
      observed.push(one)
      told.push(textOf(one))
    }
  })()
  return {
    observed,
    told,
    heard(text, times = 1) {
      const heard = () => told.filter((one) => one === text).length
      return waitFor(
        () => heard() >= times,
        () => `${times} × ${text} after ${told.slice(-20).join(', ')}`,
      )
    },
    async stop() {
      abort.abort()
      await reading
    },
  }
}

function textOf(one: Observed<string>): string {
  if (one.is === 'put') return `put ${one.key} ${one.item}`
  if (one.is === 'lost') return `lost ${String(one.why.data['why'])}`
  return one.is === 'synced' ? 'synced' : `${one.is} ${one.key}`
}

export async function waitFor(condition: () => boolean, what: () => string): Promise<void> {
  const until = performance.now() + bound
  while (!condition()) {
    if (performance.now() > until) throw new Error(`not within ${bound} ms: ${what()}`)
    await sleep(5)
  }
}
