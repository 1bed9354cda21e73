/**
 * The oracle: it knows what is true and what the looks have told, and judges every change that the
 * engine hands to a target and every effect that a target shows.
 */
import type { Instant, Ms } from '../../kernel/clock.ts'
import type { RemovalBudget } from '../engine.ts'
import type { Key } from '../source.ts'
import type { Change } from '../target.ts'
import type { Item } from './fake-source.ts'
import type { Effect, Site, Witness } from './sites/site.ts'
import type { Told, Truth, Version } from './truth.ts'

export type Charge =
  /** A key was to be deleted that truth still holds. */
  | 'false-deletion'
  /** What others put there, and no inventory calls ours, was to be deleted. */
  | 'foreign-deletion'
  /** A version older than the last one told. */
  | 'stale-put'
  /** The same effect twice, where the target or a person can see that. */
  | 'duplicate'
  /** More removals than the budget lets through. */
  | 'over-budget'
  /** In the end a target holds something else than truth says, and nothing shows why. */
  | 'not-exact'
  /** A pass failed, hung, or left rows that events do not explain. */
  | 'broken-pass'
  | 'unexplained-row'
  /** Something was written although nothing had changed. */
  | 'needless-write'

export interface Violation {
  readonly charge: Charge
  readonly site: string | null
  readonly key: Key | null
  readonly detail: string
}

export type Judge = ReturnType<typeof createJudge>

export function createJudge(parts: {
  truth: Truth
  told: () => Told
  now: () => Instant
  sites: () => readonly Site[]
  budget: RemovalBudget | null
  label: (content: number) => string
}) {
  const { truth } = parts
  const violations: Violation[] = []
  /** Last visible effect per `site key`, unless the engine may be unsure of it. */
  const last = new Map<string, string>()
  const effects: { site: string; effect: Effect }[] = []
  const removals = new Map<string, Instant[]>()
  /** Removals that a person agreed to: `site key`. Each agreement is good for one. */
  const agreed = new Set<string>()
  let vouched = 0
  /** Deletions of keys that had moved to where nobody had looked yet; the contract cannot see those. */
  let unseenMoves = 0

  const siteOf = (name: string): Site => parts.sites().find((site) => site.name === name)!
  const charge = (name: Charge, site: string | null, key: Key | null, detail: string) => {
    violations.push({ charge: name, site, key, detail })
  }
  const forget = (site: string, key: Key | null) => {
    for (const id of last.keys())
      if (key === null ? id.startsWith(`${site} `) : id === `${site} ${key}`) last.delete(id)
  }

  /** Which of two changes arrived last is told neither by a look nor by the key, which is another for each. */
  const keyedUntold = ({ repeat, looks }: Site): boolean =>
    repeat === 'keyed' && (looks === 'never' || (looks === 'labels' && parts.label(1) === parts.label(2)))

  /** Another change may have been on its way: nobody can tell which of the two arrived last. */
  const forgetChanging = (site: string) => {
    for (const key of truth.keysEver()) {
      const content = truth.winner(key)?.content
      const wanted = content === undefined ? 'delete null' : `put ${content}`
      if (last.get(`${site} ${key}`) !== wanted) forget(site, key)
    }
  }

  /** Put there after the last whole answer about its scope: no look could have told of it. */
  const cameSince = ({ scope, key, tenure }: Version): boolean => {
    const read = parts.told().lastRead(scope)
    return read !== null && tenure > read && truth.versions(scope, key).some(({ n }) => n === tenure)
  }

  const judgeDeletion = (site: string, key: Key) => {
    if (agreed.has(`${site} ${key}`)) return
    const holders = truth.holders(key)
    const known = holders.filter((version) => parts.told().knows(version))
    if (known.length > 0) return charge('false-deletion', site, key, `${known[0]!.scope} holds it and had told so`)
    if (parts.told().ever(key)) {
      if (holders.length > 0) unseenMoves += 1
      return
    }
    const untold = holders.filter(({ scope }) => truth.configured(scope))
    const unread = untold.find((version) => !cameSince(version))
    if (unread) return charge('false-deletion', site, key, `${unread.scope} holds it and was not read since`)
    if (untold.length > 0) unseenMoves += 1
    if (siteOf(site).foreign().has(key)) charge('foreign-deletion', site, key, 'somebody else put it there')
  }

  /** What may be put is what some scope told last, or what it has had since. */
  const judgePut = (site: string, key: Key, content: number) => {
    const fresh = truth.scopes.some((scope) => {
      const told = parts.told().of(scope, key)?.n ?? 0
      return truth.versions(scope, key).some((version) => version.n >= told && version.content === content)
    })
    if (!fresh) charge('stale-put', site, key, `v${content} after something newer was told`)
  }

  const judgeBudget = (site: string, key: Key) => {
    if (agreed.delete(`${site} ${key}`) || !parts.budget) return
    if (vouched > 0) return void (vouched -= 1)
    const capacity = capacityOf(parts.budget, truth.keysEver().size)
    const now = parts.now()
    const times = removals.get(site) ?? []
    removals.set(site, times)
    times.push(now)
    for (const [index, since] of times.entries()) {
      const many = times.length - index
      const allowed = capacity * (1 + (now - since) / parts.budget.over) + 1e-6
      if (many > allowed) return charge('over-budget', site, key, `${many} removals in ${now - since} ms`)
    }
  }

  const witness: Witness = {
    now: parts.now,
    label: parts.label,
    asked(site: string, change: Change<Item>) {
      // Handed over, another change may arrive or not: no look tells, so what was there before may be sent again.
      const what = `${change.op} ${change.entry?.item.content ?? null}`
      if (keyedUntold(siteOf(site)) && last.get(`${site} ${change.key}`) !== what) forget(site, change.key)
      if (change.op === 'delete') judgeDeletion(site, change.key)
      else if (change.entry) judgePut(site, change.key, change.entry.item.content)
    },
    did(site: string, effect: Effect) {
      effects.push({ site, effect })
      if (effect.key === null) return
      const id = `${site} ${effect.key}`
      const what = `${effect.op} ${effect.n}`
      if (last.get(id) === what) charge('duplicate', site, effect.key, `${what} again`)
      last.set(id, what)
      if (effect.op === 'delete') judgeBudget(site, effect.key)
    },
    unclear(site, key) {
      if (siteOf(site).repeat === 'safe') forget(site, key)
    },
    disturbed: forget,
  }

  return {
    witness,
    violations: violations as readonly Violation[],
    /** Everything that could be seen at the sites. */
    effects: effects as readonly { site: string; effect: Effect }[],
    charge,
    get unseenMoves() {
      return unseenMoves
    },
    /** The process died: where repeating is safe, what was under way may come again. */
    crashed(): void {
      for (const site of parts.sites()) {
        if (site.repeat === 'safe') forget(site.name, null)
        if (keyedUntold(site)) forgetChanging(site.name)
      }
    },
    /** The ledger is lost: only what a look tells exactly need not come again. */
    ledgerLost(): void {
      for (const site of parts.sites()) if (site.looks !== 'digests') forget(site.name, null)
      removals.clear()
      agreed.clear()
    },
    /** A person agreed to this change. */
    agree(site: string, key: Key): void {
      agreed.add(`${site} ${key}`)
      last.delete(`${site} ${key}`)
    },
    /** A person vouches for so many removals; what is not used up ends with `vouch(0)`. */
    vouch(count: number): void {
      vouched = count
    },
  }
}

function capacityOf(budget: RemovalBudget, keys: number): Ms {
  return Math.max(budget.least, Math.ceil(budget.share * keys))
}
