/** The real manifests against a real etcd: the original's bytes, the better default, and nothing written twice. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { startEtcd, type Etcd } from '../tests/parts/etcd.ts'
import { gitopsSync, until, type GitopsSync } from '../tests/parts/gitops-sync.ts'
import type { Proof, Proofs, Report } from './report.ts'

/** The manifests of the project that this replaces, and a dump of what it made of them; not part of this repository. */
const fixtures = resolve(import.meta.dirname, '../../shared/fixtures/capabilities')
const prefix = '/chora/capabilities/'
const withoutState = ['--state-dir', '/dev/null/none']

type Round = (etcd: Etcd, sync: GitopsSync, report: Report) => Promise<void>

/** With an etcd of its own and a copy of the manifests that may be changed. */
function onRealManifests(round: Round): Proof {
  return async (report) => {
    if (!existsSync(fixtures))
      return report({ ok: false, figure: 'not run', note: `needs the manifests at ${fixtures}` })
    const folder = mkdtempSync(join(tmpdir(), 'regista-real-'))
    try {
      cpSync(join(fixtures, 'manifests'), folder, { recursive: true })
      await using etcd = await startEtcd()
      using sync = gitopsSync(etcd.port, folder)
      await round(etcd, sync, report)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

const keysOf = (dump: Record<string, string>) => Object.keys(dump).length

export const proofs: Proofs = {
  'capabilities.compat': onRealManifests(async (etcd, sync, report) => {
    const ran = await sync.run('--compat')
    const golden = JSON.parse(readFileSync(join(fixtures, 'etcd-golden.json'), 'utf8')) as Record<string, string>
    const dump = await etcd.dump('')
    const warnings = ran.stderr.split('\n').filter((line) => line.includes('WARNING - Unknown capability type')).length
    report({
      ok: isDeepStrictEqual(dump, golden) && ran.code === 1 && warnings === 3,
      figure: `${keysOf(dump)} keys, bytes ${isDeepStrictEqual(dump, golden) ? 'equal' : 'differ'}, exit ${ran.code}, ${warnings} warnings`,
    })
  }),

  'capabilities.default': onRealManifests(async (etcd, sync, report) => {
    const ran = await sync.run()
    const dump = await etcd.dump(prefix)
    const capabilities = new Set(Object.keys(dump).map((key) => key.slice(prefix.length).split('/')[0])).size
    const ok = capabilities === 48 && keysOf(dump) === 192 && ran.code === 0
    report({ ok, figure: `${capabilities} capabilities, ${keysOf(dump)} keys, exit ${ran.code}` })
  }),

  'capabilities.second-run': onRealManifests(async (etcd, sync, report) => {
    await sync.run()
    for (const [part, args] of [
      ['with-state', []],
      ['without-state', withoutState],
    ] as const) {
      const before = await etcd.revision()
      const ran = await sync.run(...args)
      const written = (await etcd.revision()) - before
      report({ part, ok: written === 0 && ran.code === 0, figure: `${written} revisions written, exit ${ran.code}` })
    }
  }),

  'capabilities.put-right': onRealManifests(async (etcd, sync, report) => {
    await using watch = sync.start('--watch', '--interval', '1')
    await watch.said('Sync complete: 48 synced, 0 skipped, 0 errors')
    const whole = await etcd.dump(prefix)
    const under = (id: string) => Object.keys(whole).filter((key) => key.startsWith(`${prefix}${id}/`))
    const [gone, renamed, dropped, spoilt] = [
      ...new Set(Object.keys(whole).map((key) => key.slice(prefix.length).split('/')[0]!)),
    ]
    const timed = async (part: string, act: () => unknown, right: (dump: Record<string, string>) => boolean) => {
      const began = performance.now()
      await act()
      const done = await until(part, async () => right(await etcd.dump(prefix).catch(() => ({})))).then(
        () => true,
        () => false,
      )
      report({
        part,
        ok: done,
        figure: done ? `put right in ${Math.round(performance.now() - began)} ms` : 'not put right',
      })
    }
    const without = (id: string) => (dump: Record<string, string>) =>
      Object.keys(dump).every((key) => !key.startsWith(`${prefix}${id}/`))
    await timed('manifest-deleted', () => sync.remove(gone!), without(gone!))
    const name = `${renamed}_anew`
    await timed(
      'identifier-renamed',
      () => sync.edit(renamed!, (text) => text.replace(`dc_identifier: ${renamed}`, `dc_identifier: ${name}`)),
      (dump) => without(renamed!)(dump) && under(renamed!).every((key) => key.replace(renamed!, name) in dump),
    )
    const same = (id: string) => (dump: Record<string, string>) => under(id).every((key) => dump[key] === whole[key])
    await timed('key-deleted', () => etcd.ctl('del', `${prefix}${dropped}/type`), same(dropped!))
    await timed('key-overwritten', () => etcd.ctl('put', `${prefix}${spoilt}/metadata`, '{}'), same(spoilt!))
    const settled = await etcd.dump(prefix)
    await timed(
      'etcd-wiped',
      () => etcd.wipe(),
      (dump) => isDeepStrictEqual(dump, settled),
    )
  }),
}
