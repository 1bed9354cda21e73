/** What it costs gitops-sync-registry to put manifests into etcd, and to find that there is nothing to do. */
import { spawn } from 'node:child_process'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askForPass } from '../src/commands/drop-in/gitops-sync/ask.ts'
import { options, program, description, settingsOf } from '../src/commands/drop-in/gitops-sync/arguments.ts'
import { rulesOf } from '../src/commands/drop-in/gitops-sync/door.ts'
import type { Log } from '../src/commands/drop-in/gitops-sync/output.ts'
import { statePlace } from '../src/commands/drop-in/gitops-sync/session.ts'
import { readArguments } from '../src/commands/drop-in/gitops-sync/python-arguments.ts'
import type { Etcd } from '../tests/parts/etcd.ts'
import { findPart } from '../tests/parts/find.ts'
import { keysOf } from '../tests/parts/manifests.ts'
import { writeBare } from './parts/bare-etcd.ts'
import { percentile, prepareGround, readBy, sleep, type Ground } from './parts/drop-in.ts'
import type { Benches, Report } from './report.ts'

const prefix = '/chora/capabilities/'

export const benches: Benches = {
  'capabilities.save-to-visible': async (report, { long }) => {
    const saves = long ? 200 : 100
    await using ground = await prepareGround(48)
    await using running = ground.sync.start('--watch', '--interval', '60')
    await running.said('Sync complete: 48 synced')
    const took = await saveAndSee(ground, saves)
    const note = `${saves} saves, as an editor makes them, seen by \`etcdctl watch\``
    report({ value: percentile(took, 0.99), unit: 'ms', limit: { atMost: 300 }, note: `p99; ${note}` })
    report({ figure: 'p50', value: percentile(took, 0.5), unit: 'ms' })
  },
  'capabilities.full-sync-10k': async (report, { long }) => {
    const count = long ? 10_000 : 1000
    await using ground = await prepareGround(count)
    const pairs = keysOf(ground.generated)
    const ours: number[] = []
    const bare: number[] = []
    for (let run = 0; run < 3; run++) {
      bare.push(await writeBare(ground.etcd.port, pairs))
      await ground.etcd.wipe()
      ours.push(await fullSync(ground, join(ground.sync.state, `run-${run}`)))
      await checkExact(ground.etcd, pairs)
      await ground.etcd.wipe()
    }
    const [value, baseline] = [percentile(ours, 0.5), percentile(bare, 0.5)]
    const note = `${count} manifests, median of 3, ledger on disk; baseline: grpc-js, 128 puts a transaction, 16 in flight`
    report({ value, unit: 's', baseline, limit: { of: 'ratio', atMost: 4 }, note })
    report({ figure: 'seconds', value, unit: 's', ...(long && { limit: { atMost: 3.3 } }) })
  },
  'capabilities.noop-10k': async (report, { long }) => {
    const count = long ? 10_000 : 1000
    await using ground = await prepareGround(count)
    await using running = ground.sync.start('--watch', '--interval', '3600', '--state-dir', ground.sync.state)
    await running.said(`Sync complete: ${count} synced`)
    await noChange(ground, running.child.pid!, count, report)
  },
  'capabilities.sync-48': async (report, { long }) => {
    await using ground = await prepareGround('real')
    const walls: number[] = []
    for (let run = 0; run < (long ? 9 : 3); run++) {
      await ground.etcd.ctl('del', '--prefix', '/')
      const began = performance.now()
      const ran = await ground.sync.run('--state-dir', join(ground.sync.state, `run-${run}`))
      walls.push((performance.now() - began) / 1000)
      if (ran.code !== 0) throw new Error(ran.stderr)
    }
    const note = `${ground.files} manifests, one shot, process start to end, median of ${walls.length}`
    report({ value: percentile(walls, 0.5), unit: 's', limit: { atMost: 1 }, note })
  },
}

/** Each save changes the version of one capability; times from before the save to the line of the watch. */
async function saveAndSee({ etcd, sync, generated }: Ground, saves: number): Promise<number[]> {
  const env = { ...process.env, ETCDCTL_API: '3' }
  const args = ['watch', '--prefix', prefix, `--endpoints=127.0.0.1:${etcd.port}`]
  const child = spawn(findPart('etcdctl')!, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  let heard = () => {}
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    heard()
  })
  const seen = async (what: string) => {
    const until = performance.now() + 10_000
    while (!text.includes(what)) {
      if (performance.now() > until) throw new Error(`not seen within 10 s: ${what}`)
      await new Promise<void>((done) => {
        const timer = setTimeout(done, 1000)
        heard = () => {
          clearTimeout(timer)
          done()
        }
      })
    }
  }
  try {
    await etcdctlWatches(etcd, seen)
    const took: number[] = []
    for (let at = 0; at < saves; at++) {
      const { id, file, text: manifest } = generated[at % generated.length]!
      const version = `7.${at}.0`
      const changed = manifest.replace(/dc_hasVersion: .*/, `dc_hasVersion: ${version}`)
      const began = performance.now()
      await writeFile(join(sync.manifests, `.${file}.new`), changed)
      await rename(join(sync.manifests, `.${file}.new`), join(sync.manifests, file))
      await seen(`${prefix}${id}/version\n${version}\n`)
      took.push(performance.now() - began)
      text = ''
      // Spread over the phases of whatever may tick.
      await sleep((at * 37) % 150)
    }
    return took
  } finally {
    child.kill('SIGKILL')
  }
}

/** A watch says nothing until something happens: write until it shows. */
async function etcdctlWatches(etcd: Etcd, seen: (what: string) => Promise<void>): Promise<void> {
  let shown = false
  const poke = async () => {
    for (let at = 0; !shown; at++) {
      await etcd.ctl('put', `${prefix}bench/health`, `poke-${at}`)
      await sleep(100)
    }
  }
  await Promise.all([poke(), seen('poke-').finally(() => (shown = true))])
}

/** Seconds from "Connected" to the last "Synced". */
async function fullSync({ sync, generated }: Ground, state: string): Promise<number> {
  await using running = sync.start('--state-dir', state)
  const times = { ready: 0, last: 0 }
  running.child.stderr!.on('data', (chunk: Buffer | string) => {
    const text = String(chunk)
    if (text.includes('Connected to etcd')) times.ready = performance.now()
    if (text.includes('Synced: ')) times.last = performance.now()
  })
  await running.said(`Sync complete: ${generated.length} synced, 0 skipped, 0 errors`)
  return (times.last - times.ready) / 1000
}

async function checkExact(etcd: Etcd, pairs: Readonly<Record<string, string>>): Promise<void> {
  const dump = await etcd.dump(prefix)
  const wrong = Object.entries(pairs).find(([key, value]) => dump[key] !== value)
  if (wrong) throw new Error(`${wrong[0]} is ${dump[wrong[0]]}, not ${wrong[1]}`)
  const [found, wanted] = [Object.keys(dump).length, Object.keys(pairs).length]
  if (found !== wanted) throw new Error(`${found} keys instead of ${wanted}`)
}

/** Passes asked for through the socket of the watch, as a one-shot run beside it asks. */
async function noChange({ etcd, sync }: Ground, pid: number, count: number, report: Report): Promise<void> {
  const args = ['--capabilities', sync.manifests, '--etcd-host', '127.0.0.1', '--etcd-port', String(etcd.port)]
  const read = readArguments({ program, description, options, columns: 80 }, [...args, '--state-dir', sync.state])
  const settings = settingsOf(read.is === 'values' ? read.values : new Map(), {})
  if (typeof settings === 'string') throw new Error(settings)
  const place = statePlace(settings, {})
  const wish = { sync: place.sync, rules: rulesOf(settings), allowDeletes: null, debugs: false }
  const log: Log = Object.assign(() => {}, { debugs: false })
  const pass = async () => {
    const began = performance.now()
    const asked = await askForPass(place.folder, wish, log, new AbortController().signal)
    if (asked.is !== 'done' || !asked.ok || asked.statistics.skipped !== count) throw new Error(JSON.stringify(asked))
    return performance.now() - began
  }
  // Files younger than 2 s are read again, and what etcd says of our own writes is still on its way.
  await sleep(2500)
  await pass()
  await pass()
  const before = { revision: await etcd.revision(), sent: await sentBy(etcd), read: readBy(pid) }
  const passes = 20
  const took: number[] = []
  for (let at = 0; at < passes; at++) took.push(await pass())
  const sent = ((await sentBy(etcd)) - before.sent) / passes
  const files = (readBy(pid) - before.read) / passes
  const note = `${count} manifests, median of ${passes} passes of the watch, each asked for through its socket`
  report({ value: percentile(took, 0.5), unit: 'ms', limit: { atMost: 60 }, note })
  report({ figure: 'worst', value: Math.max(...took), unit: 'ms' })
  const writes = (await etcd.revision()) - before.revision
  report({ figure: 'writes', value: writes, unit: 'revisions', limit: { atMost: 0 } })
  report({
    figure: 'etcd-bytes',
    value: sent,
    unit: 'B',
    limit: { atMost: 65_536 },
    note: 'sent by etcd for each pass',
  })
  report({ figure: 'read', value: files, unit: 'B', limit: { atMost: 1 << 20 }, note: 'read by the process each pass' })
}

async function sentBy(etcd: Etcd): Promise<number> {
  const text = await (await fetch(`${etcd.endpoints[0]}/metrics`)).text()
  return Number(/^etcd_network_client_grpc_sent_bytes_total (\S+)$/m.exec(text)![1])
}
