/** gitops-sync-registry under measurement: a real etcd, manifests in a scratch folder, its process and what /proc says of it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startEtcd, type Etcd } from '../../tests/parts/etcd.ts'
import { gitopsSync, type GitopsSync } from '../../tests/parts/gitops-sync.ts'
import { generateManifests, writeManifests, type GeneratedManifest } from '../../tests/parts/manifests.ts'

export interface Ground extends AsyncDisposable {
  readonly etcd: Etcd
  readonly sync: GitopsSync
  /** Empty where the real manifests are used. */
  readonly generated: readonly GeneratedManifest[]
  readonly files: number
}

const real = resolve(import.meta.dirname, '../../../shared/fixtures/capabilities/manifests')

/** `real`: the 48 manifests of the original where they are at hand, else as many generated ones. */
export async function prepareGround(count: number | 'real'): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'regista-bench-manifests-'))
  const found = count === 'real' ? namesIn(real) : []
  const generated = found.length > 0 ? [] : generateManifests(count === 'real' ? 48 : count, 1)
  if (generated.length > 0) await writeManifests(folder, generated)
  const etcd = await startEtcd()
  const sync = gitopsSync(etcd.port, found.length > 0 ? real : folder)
  await warmUp(etcd)
  return {
    etcd,
    sync,
    generated,
    files: found.length > 0 ? found.length : generated.length,
    async [Symbol.asyncDispose]() {
      await etcd[Symbol.asyncDispose]()
      sync[Symbol.dispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What Node keeps of the files of a checkout is made with the first run of it, for each of its threads. */
async function warmUp(etcd: Etcd): Promise<void> {
  using sync = gitopsSync(etcd.port)
  sync.write('chora.bench.first')
  const ran = await sync.run()
  if (ran.code !== 0) throw new Error(ran.stderr)
  await etcd.ctl('del', '--prefix', '/')
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^chora\..*\.yaml$/.test(name))
  } catch {
    return []
  }
}

/** Resident memory of a process in MiB, now and at its highest. */
export function residentOf(pid: number): { readonly now: number; readonly highest: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) / 1024
  return { now: of('VmRSS'), highest: of('VmHWM') }
}

/** Seconds of processor time that a process has used, all its threads together. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  // utime and stime, the 14th and 15th, in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Bytes that a process has read through system calls, cached or not. */
export function readBy(pid: number): number {
  return Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1])
}

export function percentile(values: readonly number[], of: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * of) - 1)]!
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => {
    setTimeout(done, ms)
  })
}
