/** Many passes over a large registry at a forge in memory, and what there is of branches, requests and calls after each. */
import type { ForgeFault, ForgeStep } from '../../src/connectors/forge/testing/memory-forge.ts'
import { seededRandom } from '../../src/engine/testing/seeded.ts'
import type { Ms } from '../../src/kernel/clock.ts'
import { readRegistryFile } from '../../src/registries/claims/file/registry-file.ts'
import {
  createFileHouse,
  ourBranch,
  registryPath,
  type FileHouse,
} from '../../src/registries/claims/testing/file-house.ts'

export interface RollingSetting {
  readonly claims: number
  /** The same so many say something else in each pass. */
  readonly changing: number
  readonly passes: number
  readonly seed: number
  /** After each so many passes somebody merges, the forge fails, the process dies; null: never. */
  readonly every: number | null
}

export interface RollingSeen {
  /** Requests that were ever opened, and merged. */
  readonly requests: number
  readonly merged: number
  readonly open: number
  /** Besides the base, at the worst. */
  readonly branches: number
  /** In one pass, at the worst. */
  readonly calls: number
  readonly faults: number
  /** Claims that the branch, or the base where there is none, does not say as they are. */
  readonly wrong: readonly string[]
  readonly ms: Ms
}

const perCluster = 500
const interval: Ms = 5 * 60_000

interface Claim {
  readonly cluster: string
  readonly ref: string
}

function claimsOf(count: number): Claim[] {
  return Array.from({ length: count }, (_, n) => ({
    cluster: `cluster-${Math.floor(n / perCluster)}`,
    ref: `team-${n % 7}/claim-${n}`,
  }))
}

function registryOf(claims: readonly Claim[]): string {
  const lines = ['# What runs where.', '---']
  for (const [cluster, of] of Map.groupBy(claims, (claim) => claim.cluster)) {
    lines.push(`${cluster}:`)
    for (const { ref } of of) {
      const [namespace, name] = ref.split('/')
      lines.push(`  - name: ${name}`, `    namespace: ${namespace}`, `    claimRef: ${ref} # as it says`)
      lines.push(
        `    owner: [${namespace}]`,
        '    statusMessage: Ready=True',
        '    lastCheckedAt: "2026-02-05T17:57:18Z"',
      )
    }
  }
  return `${lines.join('\n')}\n`
}

const faults: readonly ForgeFault[] = [
  { is: 'status', status: 409 },
  { is: 'status', status: 422 },
  { is: 'status', status: 403, retryAfter: 60_000 },
  { is: 'status', status: 502 },
  { is: 'lost' },
  { is: 'hangs' },
]
const steps: readonly ForgeStep[] = ['head', 'commit', 'move', 'find', 'open', 'update']

export async function rollOn(setting: RollingSetting): Promise<RollingSeen> {
  const began = performance.now()
  const random = seededRandom(setting.seed)
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const claims = claimsOf(setting.claims)
  const house = createFileHouse({ files: { [registryPath]: registryOf(claims) } })
  const { repository } = house.forge
  const says = new Map<Claim, string>()
  const say = (claim: Claim, message: string) => {
    says.set(claim, message)
    house.tell(claim.ref, message, { cluster: claim.cluster })
  }
  for (const claim of claims) say(claim, 'Ready=True')
  const restless = claims.filter((_, at) => at % Math.round(setting.claims / setting.changing) === 0)
  const seen = { calls: 0, branches: 0, merged: 0, faults: 0 }
  const wrong: string[] = []
  const pass = async (what: string) => {
    const calls = await house.callsOf(() => house.pass(interval))
    seen.calls = Math.max(seen.calls, calls.length)
    seen.branches = Math.max(seen.branches, repository.branches.size - 1)
    if (house.open().length > 1) wrong.push(`${house.open().length} open requests after ${what}`)
  }
  await pass('the first look')
  for (let n = 1; n <= setting.passes; n += 1) {
    for (const claim of restless) say(claim, `Ready=False (${Math.floor(random() * 1e6)})`)
    const [open] = house.open()
    if (setting.every !== null && n % setting.every === 0) {
      if (n % (2 * setting.every) === 0 && open !== undefined) {
        repository.merge(open, { squash: random() < 0.5, removeBranch: random() < 0.5 })
        seen.merged += 1
      }
      if (n % (3 * setting.every) === 0) house.restart()
      house.forge.fail(one(steps), one(faults))
      seen.faults += 1
    }
    await pass(`pass ${n}`)
  }
  house.forge.mend()
  await pass('the last pass')
  wrong.push(...differences(house, says))
  return {
    ...seen,
    wrong,
    requests: repository.requests.length,
    open: house.open().length,
    ms: performance.now() - began,
  }
}

/** The same again, and claims that the registry does not name: what that does at the forge. */
export async function sayAgain({ claims: count, passes, seed }: Pick<RollingSetting, 'claims' | 'passes' | 'seed'>) {
  const random = seededRandom(seed)
  const claims = claimsOf(count)
  const house = createFileHouse({ files: { [registryPath]: registryOf(claims) } })
  for (const { cluster, ref } of claims) house.tell(ref, 'Ready=True', { cluster })
  await house.pass(interval)
  let calls = 0
  for (let n = 0; n < passes; n += 1) {
    for (const { cluster, ref } of claims) house.tell(ref, 'Ready=True', { cluster })
    for (let at = 0; at < 50; at += 1) {
      const name = Math.floor(random() * count)
      house.tell(`nobody/claim-${name}`, `Ready=False (${n})`, { cluster: claims[name]!.cluster })
    }
    calls = Math.max(calls, (await house.callsOf(() => house.pass(interval))).length)
  }
  const { repository, calls: all } = house.forge
  return {
    commits: all.filter(({ step }) => step === 'commit').length,
    requests: repository.requests.length,
    branches: repository.branches.size - 1,
    unmatched: (await house.target.preview(new AbortController().signal)).unmatched.length,
    calls,
  }
}

function differences(house: FileHouse, says: ReadonlyMap<Claim, string>): string[] {
  const text = house.text(house.open().length > 0 ? ourBranch : 'main')
  if (text === null) return ['no branch']
  const read = readRegistryFile(Buffer.from(text)).claims
  const messages = new Map(
    read.map(({ cluster, claimRef, statusMessage }) => [`${cluster} ${claimRef}`, statusMessage]),
  )
  const found = [...says].flatMap(([{ cluster, ref }, message]) => {
    const is = messages.get(`${cluster} ${ref}`)
    return is === message ? [] : [`${cluster} ${ref} says ${is} instead of ${message}`]
  })
  const left = (of: string) => of.replaceAll(/^ +(statusMessage|lastCheckedAt):.*$/gm, '')
  if (left(text) !== left(registryOf([...says.keys()]))) found.push('something else in the file changed')
  return found
}
