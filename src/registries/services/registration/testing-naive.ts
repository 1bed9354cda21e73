/** Registrations as one would write them without speed, faults or others beside: what the real ones must answer. */
import { verdictOn, type Trigger } from '../lifecycle.ts'
import { isKnownStatus, parentType, refOf, refText, type ServiceRef, type ServiceStatus } from '../model.ts'
import type { Asked, Edit } from './registrations.ts'

interface Naive {
  status: ServiceStatus
  before: ServiceStatus | null
  seen: boolean
  deletedAt: number
  asked: Asked
}

const fields = ['source', 'component', 'parent', 'kind', 'metadata', 'spiffe', 'interval', 'inactiveAfter'] as const

export function createNaive(grace: number) {
  const all = new Map<string, Naive>()

  const parentOf = ({ type, parent }: Asked) => {
    const above = parentType(type)
    return above === null ? null : `${above}/${parent}`
  }
  const below = (key: string): string[] => [
    key,
    ...[...all].filter(([, { asked }]) => parentOf(asked) === key).flatMap(([child]) => below(child)),
  ]

  function registerOne(asked: Asked, implicit: boolean): string {
    const key = refText(asked)
    const old = all.get(key)
    if (old === undefined) {
      const parent = parentOf(asked)
      const status = parent === null ? 'active' : all.get(parent)?.status
      if (status === undefined || !isKnownStatus(status)) return 'services.parent'
      all.set(key, { status: implicit ? 'active' : 'pending', before: null, seen: implicit, deletedAt: 0, asked })
      return 'registered'
    }
    if (implicit) return 'unchanged'
    if (!isKnownStatus(old.status)) return 'services.exists'
    if (fields.every((field) => JSON.stringify(old.asked[field]) === JSON.stringify(asked[field]))) return 'unchanged'
    if (old.asked.source !== 'implicit' || old.asked.parent !== asked.parent) return 'services.exists'
    old.asked = asked
    return 'claimed'
  }

  /** The status it would have, null: none; 'same'; or why not. */
  function verdict(one: Naive, trigger: Trigger, at: number, force: boolean): { to: ServiceStatus | null } | string {
    const said = verdictOn(one.status, trigger)
    if (said.is === 'same') return 'same'
    if (said.is === 'refused') return said.forcible && force ? { to: null } : said.why
    if (trigger === 'undelete' && at - one.deletedAt > grace) return 'service-grace-over'
    if (said.to === 'gone') return { to: null }
    if (said.to === 'before') return { to: one.before! }
    return { to: said.to === 'active-or-pending' ? (one.seen ? 'active' : 'pending') : said.to }
  }

  function set(key: string, to: ServiceStatus | null, trigger: Trigger, at: number): void {
    const one = all.get(key)!
    if (to === null) {
      all.delete(key)
      return
    }
    one.before = trigger === 'delete' ? one.status : null
    if (trigger === 'delete') one.deletedAt = at
    if (trigger === 'heartbeat') one.seen = true
    one.status = to
  }

  return {
    isKnown(poller: string): boolean {
      const status = all.get(`poller/${poller}`)?.status
      return status !== undefined && isKnownStatus(status)
    },
    register(asked: readonly Asked[], implicit: boolean): string[] {
      const order = ['poller', 'agent', 'checker'] as const
      const results = new Map<number, string>()
      for (const type of order) {
        for (const [n, one] of asked.entries()) {
          if (one.type === type) results.set(n, registerOne(one, implicit))
        }
      }
      return asked.map((_one, n) => results.get(n)!)
    },
    transit(ref: ServiceRef, trigger: Trigger, options: { at: number; cascade: boolean; force: boolean }): string {
      const key = refText(ref)
      if (!all.has(key)) return 'none'
      const { at, cascade, force } = options
      if (trigger === 'purge' && !cascade && below(key).length > 1) return 'service-has-children'
      const members = cascade ? below(key) : [key]
      const verdicts = members.map((one) => [one, verdict(all.get(one)!, trigger, at, force)] as const)
      const own = verdicts[0]![1]
      if (typeof own === 'string' && own !== 'same') return own
      if (verdicts.some(([, said]) => said === 'service-in-use')) return 'service-in-use'
      const steps = verdicts.flatMap(([one, said]) => (typeof said === 'string' ? [] : [[one, said.to] as const]))
      for (const [one, to] of steps) set(one, to, trigger, at)
      return steps.length === 0 ? 'same' : `done ${steps.length}`
    },
    transitAll(refs: readonly ServiceRef[], trigger: Trigger, at: number): string[] {
      const keys = [...new Set(refs.map(refText))].filter((key) => all.has(key))
      const free = trigger === 'purge' ? keys.filter((key) => below(key).length === 1) : keys
      return free.filter((key) => {
        const said = verdict(all.get(key)!, trigger, at, false)
        if (typeof said === 'string') return false
        set(key, said.to, trigger, at)
        return true
      })
    },
    edit(ref: ServiceRef, edit: Edit): string {
      const one = all.get(refText(ref))
      if (one === undefined) return 'none'
      if (one.status === 'deleted') return 'services.transition'
      if (edit.parent !== undefined && edit.parent !== one.asked.parent) {
        const type = parentType(one.asked.type)
        const status = type === null ? undefined : all.get(`${type}/${edit.parent}`)?.status
        if (status === undefined || !isKnownStatus(status)) return 'services.parent'
      }
      const after = { ...one.asked, ...edit }
      const same = fields.every((field) => JSON.stringify(one.asked[field]) === JSON.stringify(after[field]))
      one.asked = after
      return same ? 'unchanged' : 'changed'
    },
    /** key → status, parent and metadata, of all. */
    table: () =>
      Object.fromEntries(
        [...all]
          .toSorted(([a], [b]) => (refOf(a)!.type + a < refOf(b)!.type + b ? -1 : 1))
          .map(([key, { status, asked }]) => [
            key,
            [status, asked.parent, asked.source, asked.metadata, asked.interval],
          ]),
      ),
  }
}
