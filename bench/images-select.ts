/**
 * What it costs to choose the newest of 10,000 tags, for each strategy, a list that reads like those of real
 * repositories: releases with variants and prereleases, builds, commits, dates. And for patterns that were written to
 * be slow. Against a full sort of the same list by the natural order of Intl.Collator, which gets half of them wrong.
 */
import { strategies, type Selection, type Strategy } from '../src/registries/images/model.ts'
import { compareTags, select, type TagTimes } from '../src/registries/images/tags/select.ts'
import type { Benches, Figure, Limit, Report } from './report.ts'

export const benches: Benches = {
  'images.select-10k': (report, { long }) => {
    const count = long ? 10_000 : 2000
    const runs = long ? 41 : 5
    const tags = manyTags(count)
    const collator = new Intl.Collator('en', { numeric: true })
    const baseline = measure(runs, () => tags.map(({ name }) => name).toSorted(collator.compare))
    const row: Row = (figure, tags, selection, limit = { atMost: 20 }) => {
      const current = selection.range === null ? null : 'v1.2.3'
      const value = measure(runs, () => select({ tags, selection, foldsCase: false, current }))
      const is = select({ tags, selection, foldsCase: false, current })
      const note = `${tags.length} tags, ${is.is === 'chosen' ? is.tag : is.is}; processor time, mean of ${runs}`
      return { figure, value, unit: 'ms', limit, note }
    }
    const lines = strategyRows(count, row)
    const worst = lines.reduce((a, b) => (a.value > b.value ? a : b))
    const note = `${count} tags, the slowest: ${worst.figure}; baseline: a full sort by Intl.Collator`
    report({ value: worst.value, unit: 'ms', baseline, limit: { atMost: 20 }, note })
    for (const line of [...lines, ...hostileRows(count, row)]) report(line)
    reportCompare(report, runs)
    return Promise.resolve()
  },
}

type Row = (figure: string, tags: readonly TagTimes[], selection: Selection, limit?: Limit) => Figure

function strategyRows(count: number, row: Row): Figure[] {
  const all = manyTags(count)
  const of: Readonly<Partial<Record<Strategy, string>>> = { digest: 'v2.8.8', alphabetical: 'v*' }
  const selections = strategies.map((strategy): Selection => ({ tags: [of[strategy] ?? '*'], strategy, range: null }))
  return [
    ...selections.map((selection) => row(selection.strategy, all, selection)),
    row('range', all, { tags: ['v*', '!*-rc*'], strategy: 'semver', range: '^1.2 || ~2.3.4' }),
    row('commits', manyCommits(count), { tags: ['main-*'], strategy: 'auto', range: null }),
    row('builds', manyBuilds(count), { tags: ['*'], strategy: 'auto', range: null }),
  ]
}

/** The worst that the limits of patterns allow, over tags that are as long as tags may be and end wrong. */
function hostileRows(count: number, row: Row): Figure[] {
  const long = Array.from({ length: count }, (_, at) => ({ name: `${String(at).padStart(6, '0')}${'a'.repeat(121)}b` }))
  const hostile: Readonly<Record<string, readonly string[]>> = {
    'hostile-stars': [`${'*a'.repeat(123)}*b`],
    'hostile-run': [`*${'a'.repeat(100)}*${'a'.repeat(30)}b`],
    'hostile-sets': [`*0*${'[a-z]'.repeat(48)}0*b`],
    'hostile-braces': ['*{a,aa}{a,aa}{a,aa}{a,aa}{a,aa}*a*a*ba*b'],
  }
  return Object.entries(hostile).map(([name, tags]) =>
    row(name, long, { tags, strategy: 'auto', range: null }, { atMost: 100 }),
  )
}

function reportCompare(report: Report, runs: number): void {
  const selection: Selection = { tags: ['v*'], strategy: 'auto', range: null }
  const value = measure(runs * 100, () => compareTags(selection, 'v1.2.3', 'v1.10.0'))
  report({ figure: 'compare', value, unit: 'ms', limit: { atMost: 1 }, note: 'two tags, the pattern read anew' })
}

function manyTags(count: number): readonly TagTimes[] {
  const from = Date.UTC(2024, 0, 1)
  return shuffled(count, (at) => {
    const version = `${1 + (at % 7)}.${at % 41}.${at % 97}`
    const commit = ((at * 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
    const date = new Date(from + at * 3_600_000).toISOString().slice(0, 10).replaceAll('-', '')
    const names = [`v${version}`, version, `${version}-alpine3.${at % 20}`, `v${version}-rc.${at % 9}`]
    return [...names, `dev-${at}`, commit, date, `main-${commit}`][at % 8]!
  }).map((name, at) => ({ name, pushedAt: from + at * 1000, createdAt: from + at * 1000 }))
}

function manyCommits(count: number): readonly TagTimes[] {
  return shuffled(count, (at) => `main-${((at * 2_654_435_761) >>> 0).toString(16).padStart(8, '0').slice(0, 7)}`).map(
    (name, at) => ({ name, pushedAt: at }),
  )
}

function manyBuilds(count: number): readonly TagTimes[] {
  return shuffled(
    count,
    (at) => `main-${((at * 2_654_435_761) >>> 0).toString(16).padStart(8, '0')}-${17_000 + at}`,
  ).map((name) => ({ name }))
}

/** In an order that helps nobody, the same in each run. */
function shuffled(count: number, nameOf: (at: number) => string): string[] {
  const keyed = Array.from({ length: count }, (_, at) => [(at * 40_503) % 65_537, nameOf(at)] as const)
  return keyed.toSorted(([a], [b]) => a - b).map(([, name]) => name)
}

/**
 * Processor time of this thread, in milliseconds: what else runs on the machine is of no account. Over all runs
 * together, because some kernels count it in steps of 4 ms.
 */
function measure(runs: number, work: () => unknown): number {
  for (let run = 0; run < 3; run += 1) work()
  const from = process.threadCpuUsage()
  for (let run = 0; run < runs; run += 1) work()
  const { user, system } = process.threadCpuUsage(from)
  return (user + system) / 1000 / runs
}
