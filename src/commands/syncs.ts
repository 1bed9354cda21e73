/** Which syncs a command is about. */
import type { SyncStatus } from '../engine/engine.ts'
import type { Client } from './client.ts'

/** Those that are named, in that order; without names every one that the config still has. */
export async function chosenSyncs(client: Client, names: readonly string[]): Promise<readonly string[]> {
  if (names.length > 0) return [...new Set(names)]
  const all = await client.list<SyncStatus>('/api/v1/syncs')
  return all.filter(({ state }) => state !== 'orphaned').map(({ sync }) => sync)
}
