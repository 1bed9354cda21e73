/**
 * How every history ends: faults cease, time passes, and then each site holds what truth says, or the
 * ledger shows why not; with a person's agreement it holds it without excuse; and once it does,
 * another process on the same ledger changes nothing.
 */
import type { Ms } from '../../kernel/clock.ts'
import type { Key } from '../source.ts'
import { deliveries, entries, holds, scopes } from '../tables.ts'
import { unexplained } from './audit.ts'
import { calmSource } from './history.ts'
import { foreignContent, noSiteFaults, type Site } from './sites/site.ts'
import type { World } from './world.ts'

const second: Ms = 1_000
const minute = 60 * second
const hour = 60 * minute
/** Longer and longer: past the second look, past every back-off, past the refill of the removal budget. */
const rounds: readonly Ms[] = [
  25 * second,
  25 * second,
  25 * second,
  2 * minute,
  20 * minute,
  hour,
  hour,
  hour,
  hour,
  hour,
]

export async function finish(world: World): Promise<void> {
  calm(world)
  // Twice: the process may die at the first.
  for (let time = 0; time < 2; time += 1) await world.run((engine) => engine.resume(world.sync, 'tester'))
  await settleDown(world, false)
  for (const miss of await misses(world, false)) charge(world, miss, 'nothing shows why')
  if (!world.setting.oneShot) {
    await settleDown(world, true)
    for (const miss of await misses(world, true)) charge(world, miss, 'although everything was released')
  }
  if (world.judge.violations.length === 0) await nothingToDo(world)
  if (!world.audit) return
  const problems = await world.clock.drive(unexplained(world.journal(), world.sync))
  for (const problem of problems) world.judge.charge('unexplained-row', null, null, problem)
}

function calm(world: World): void {
  world.faults.empty = false
  calmSource(world)
  world.listing.down = false
  for (const site of world.sites) {
    world.listed.add(site.name)
    site.faults.keys.clear()
    const { keys: _, ...rest } = noSiteFaults()
    Object.assign(site.faults, rest)
  }
}

/** Passes until everything is exact, or the rounds are over. */
async function settleDown(world: World, release: boolean): Promise<void> {
  for (const wait of rounds) {
    await world.advance(wait)
    for (const site of world.sites) site.disturb({ is: 'accept' })
    if (release) await world.releaseAll()
    await world.pass(world.setting.oneShot ? { allowDeletes: 1000 } : {})
    if ((await misses(world, release)).length === 0 && (await settled(world))) return
  }
}

/** No site waits for others, and no absence for another look. */
async function settled(world: World): Promise<boolean> {
  if (world.sites.some((site) => site.pending?.())) return false
  if (world.setting.oneShot) return true
  const { sync } = world
  const missed = { sync, missedAt: { above: 0 } }
  const count = async (counted: Promise<{ count: number }[]>) => (await world.clock.drive(counted))[0]?.count ?? 0
  const journal = world.journal()
  const waiting =
    (await count(journal.count(entries, { ...missed, state: 'live' }))) +
    (await count(journal.count(entries, { sync, state: 'stray' }))) +
    (await count(journal.count(scopes, { ...missed, state: 'ok' })))
  return waiting === 0
}

interface Miss {
  readonly site: Site
  readonly key: Key
  readonly holds: number | null
  readonly wants: number | null
}

/** Keys where a site holds something else than truth says, without an excuse in the ledger. */
async function misses(world: World, released: boolean): Promise<Miss[]> {
  const found = world.sites.flatMap((site) => missesOf(world, site))
  if (found.length === 0) return []
  const { sync, clock } = world
  const journal = world.journal()
  const held = await clock.drive(journal.select(holds, { where: { sync, state: 'held' } }))
  const rejected = await clock.drive(journal.select(deliveries, { where: { sync, state: 'rejected' } }))
  const excuses = new Set((released ? rejected : [...held, ...rejected]).map(({ target, key }) => `${target} ${key}`))
  return found.filter(({ site, key }) => !excuses.has(`${site.name} ${key}`))
}

function missesOf({ truth, setting, told }: World, site: Site): Miss[] {
  const found: Miss[] = []
  const has = site.holds()
  const foreign = site.foreign()
  for (const key of new Set([...truth.keysEver(), ...has.keys()])) {
    const wants = truth.winner(key)?.content ?? null
    const holdsNow = has.get(key) ?? null
    if (holdsNow === wants) continue
    // Others put it there before we came, and it was never to be ours.
    if (foreign.has(key) && (wants === null || setting.firstSight === 'keep')) continue
    if (holdsNow === foreignContent && setting.oneShot && setting.firstSight === 'keep') continue
    // A scope out of the config keeps what it said last; which of two then wins is nobody's promise.
    if (truth.scopes.some((scope) => !truth.configured(scope) && told().ever(key, scope))) continue
    if (truth.holders(key).some(({ scope }) => !truth.configured(scope))) continue
    found.push({ site, key, holds: holdsNow, wants })
  }
  return found
}

function charge({ judge }: World, { site, key, holds: has, wants }: Miss, why: string): void {
  judge.charge('not-exact', site.name, key, `holds ${text(has)}, truth is ${text(wants)}, ${why}`)
}

const text = (n: number | null): string => (n === null ? 'nothing' : `v${n}`)

/** Invariant 5: a restart with nothing changed writes nothing anywhere. */
async function nothingToDo(world: World): Promise<void> {
  const { judge, setting } = world
  // Without a ledger only a look that tells digests can show that nothing is to be done.
  const tells = new Set(
    world.sites.filter((site) => !setting.oneShot || site.looks === 'digests').map(({ name }) => name),
  )
  const before = judge.effects.length
  const head = await world.clock.drive(world.journal().head())
  await world.restart('stopped')
  await world.pass()
  for (const { site, effect } of judge.effects.slice(before)) {
    if (tells.has(site)) judge.charge('needless-write', site, effect.key, `${effect.op} after a restart`)
  }
  if (setting.oneShot) return
  const after = await world.clock.drive(world.journal().head())
  if (after.seq === head.seq) return
  const events = await world.clock.drive(world.journal().events({ after: head.seq, sync: world.sync, limit: 3 }))
  for (const event of events) judge.charge('needless-write', event.target ?? null, event.key ?? null, event.type)
}
