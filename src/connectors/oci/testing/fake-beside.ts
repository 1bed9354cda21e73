/** A registry with an API beside it, which knows when each thing was pushed. */
import type { Built } from '../../../../tests/parts/images.ts'
import type { Answer } from './fake-faults.ts'
import type { FakeRegistry } from './fake-registry.ts'

export interface FakeWithApi extends AsyncDisposable {
  readonly registry: FakeRegistry
  /** Pushed now; each push is a second after the one before. */
  put(repository: string, tag: string, image: Built): Promise<void>
  untag(repository: string, tag: string): void
}

export function jsonAnswer(status: number, json: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: Buffer.from(JSON.stringify(json)),
  }
}

/** Seconds between pushes, so that none is at the same time as another. */
export function createPushClock(from = Date.UTC(2026, 0, 1)): () => string {
  let now = from
  return () => new Date((now += 1000)).toISOString().replace('.000Z', 'Z')
}
