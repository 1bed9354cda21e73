/** Whether a poller may report. The registry decides first; the list and the mode are for those who migrate. */
import type { ServicesConfig } from './config.ts'
import { isKnownStatus, serviceStatuses, type ServiceStatus } from './model.ts'
import { noSlot, type Roster } from './roster/roster.ts'

export interface Known {
  readonly known: boolean
  /** null: it is not registered. */
  readonly status: ServiceStatus | null
  /** What decided: the registry, the static list, or the mode `off`. In mode `shadow` it is said what would have been. */
  readonly by: 'registry' | 'list' | 'off' | 'shadow'
}

export interface KnownCheck {
  /**
   * From memory, no allocation beyond the answer; right as soon as a write is answered. In mode `shadow` everybody is:
   * `explain` says what the registry would have decided.
   */
  isKnown(poller: string): boolean
  explain(poller: string): Known
}

export interface KnownParts {
  readonly roster: Pick<Roster, 'find' | 'statusOf' | 'columns'>
  readonly config: Pick<ServicesConfig, 'known'>
}

export function createKnownCheck({ roster, config }: KnownParts): KnownCheck {
  const { mode, list } = config.known
  const listed = new Set(list)
  const { columns } = roster
  const knownStatus = serviceStatuses.map(isKnownStatus)
  /** Who is registered and revoked or deleted is unknown, be it on the list or not. */
  const byRegistry = (poller: string): boolean => {
    const slot = roster.find('poller', poller)
    return slot === noSlot ? listed.has(poller) : knownStatus[columns.status[slot]!]!
  }
  const byList = (poller: string) => listed.size === 0 || listed.has(poller)

  const by = mode === 'shadow' ? 'shadow' : 'registry'
  const registered = serviceStatuses.map((status): Known => ({ known: isKnownStatus(status), status, by }))
  const unregistered: Known = { known: false, status: null, by }
  const onList: Known = { known: true, status: null, by: mode === 'shadow' ? 'shadow' : 'list' }
  const explainByList = (poller: string, status: ServiceStatus | null): Known => {
    return { known: byList(poller), status, by: listed.size === 0 ? 'off' : 'list' }
  }

  return {
    isKnown: mode === 'enforce' ? byRegistry : mode === 'shadow' ? () => true : byList,
    explain(poller) {
      const slot = roster.find('poller', poller)
      if (mode === 'off') return explainByList(poller, slot === noSlot ? null : roster.statusOf(slot))
      if (slot !== noSlot) return registered[columns.status[slot]!]!
      return listed.has(poller) ? onList : unregistered
    },
  }
}
