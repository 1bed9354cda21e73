/** What the ledger knows of registries: their modules, the channels of these, and what could not be read. */
import type { Journal } from '../../../engine/journal.ts'
import { entries, scopes, type EntryRow, type ScopeRow } from '../../../engine/tables.ts'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import {
  moduleScope,
  placeOf,
  registryScope,
  type ModuleDocument,
  type ReleaseNote,
} from '../../../registries/modules/drop-in.ts'

export interface Known {
  readonly registries: readonly KnownRegistry[]
}

interface Standing {
  /** `unknown`: not looked at yet. */
  readonly state: 'unknown' | 'ok' | 'unavailable'
  /** Of what is unavailable: why, and since when. */
  readonly detail?: string
  readonly since?: string
}

export interface KnownRegistry extends Standing {
  readonly registry: string
  readonly modules: readonly KnownModule[]
}

export interface KnownModule extends Standing {
  readonly module: string
  /** It was read whole and has no channel at all. */
  readonly empty: boolean
  readonly channels: readonly KnownChannel[]
  /** Channels that could not be read; what is known of them stays. */
  readonly troubles: readonly { readonly channel: string; readonly detail: string }[]
}

export interface KnownChannel {
  readonly channel: string
  readonly version: string
  readonly archive: string
  readonly size: number
  readonly remarks: readonly ('unsigned' | 'undescribed' | 'critical')[]
  /** Not seen in the last look; not believed gone yet. */
  readonly missing?: true
}

export async function readKnown(journal: Journal, sync: string, watched: readonly string[]): Promise<Known> {
  const [seen, released] = await Promise.all([
    journal.select(scopes, { where: { sync } }),
    journal.select(entries, { where: { sync, state: 'live' }, without: ['stamp'] }),
  ])
  const byScope = new Map(seen.map((row) => [row.scope, row]))
  const channels = Map.groupBy(released, (row) => row.scope)
  const since = await sinces(journal, seen)
  const modulesOf = Map.groupBy(
    seen.filter((row) => row.state !== 'gone' && placeOf(row.scope)?.module != null),
    (row) => placeOf(row.scope)!.base,
  )
  return {
    registries: watched.map((registry): KnownRegistry => {
      const scope = registryScope(registry)
      const modules = (modulesOf.get(registry) ?? []).map((row): KnownModule => {
        const { module } = placeOf(row.scope)!
        const found = (channels.get(moduleScope(registry, module!)) ?? []).map(channelOf)
        const troubles = troublesOf(row)
        const empty = row.state === 'ok' && row.completeAt !== null && found.length + troubles.length === 0
        return { module: module!, ...standingOf(row, since), empty, channels: found, troubles }
      })
      const sorted = modules.toSorted((a, b) => (a.module < b.module ? -1 : 1))
      return { registry, ...standingOf(byScope.get(scope), since), modules: sorted }
    }),
  }
}

type Stood = ScopeRow & { readonly seq: number }

function standingOf(row: Stood | undefined, since: ReadonlyMap<number, Instant>): Standing {
  if (row === undefined) return { state: 'unknown' }
  if (row.state !== 'unavailable') return { state: 'ok' }
  const at = since.get(row.seq)
  return { state: 'unavailable', detail: row.detail ?? '', ...(at !== undefined && { since: isoTime(at) }) }
}

/** When each of them went away, by the event that says so. Events are kept for a while only. */
async function sinces(journal: Journal, rows: readonly Stood[]): Promise<ReadonlyMap<number, Instant>> {
  const away = rows.filter((row) => row.state === 'unavailable').slice(0, mostSinces)
  const told = await Promise.all(away.map(({ seq }) => journal.events({ after: seq - 1, limit: 1 })))
  return new Map(told.flat().map(({ seq, at }) => [seq, at]))
}

/** A registry that is away takes no more than itself; so many modules that are away each are looked up. */
const mostSinces = 200

function channelOf({ item, note, missedAt }: EntryRow): KnownChannel {
  const { channel, version, archive, size } = item as unknown as ModuleDocument
  const { signed, described, critical } = (note ?? {}) as Partial<ReleaseNote>
  const remarks = [
    ...(signed === false ? (['unsigned'] as const) : []),
    ...(described === false ? (['undescribed'] as const) : []),
    ...(critical === true ? (['critical'] as const) : []),
  ]
  return { channel, version, archive, size, remarks, ...(missedAt !== null && { missing: true }) }
}

function troublesOf({ troubles }: ScopeRow): KnownModule['troubles'] {
  const listed = (troubles ?? []) as readonly { readonly key?: string; readonly detail?: string }[]
  return listed.flatMap(({ key, detail = '' }) => {
    const channel = key?.split('/')[1]
    return channel === undefined ? [] : [{ channel, detail }]
  })
}
