/**
 * kill -9 of a collector while informers post to it, again and again on one state: what it acknowledged it still has
 * when it is back, and in the end the registry file has it.
 */
import { load } from 'js-yaml'
import { gitOrigin } from './git-remote.ts'
import { until } from './gitops-sync.ts'
import { statusCollector, type Running } from './status-collector.ts'

const clusters = 4
const claims = 25
const branch = 'machinery-status/main'
const path = 'registry.yaml'

/** Of one claim: the last number that was acknowledged, and the last that was sent. */
interface Told {
  acknowledged: number
  sent: number
}

export interface KillTally {
  readonly kills: number
  readonly acknowledged: number
}

const name = (cluster: number, claim: number) => `cluster-${cluster} default/claim-${claim}`

function registryText(): string {
  const lines = Array.from({ length: clusters }, (_, cluster) => [
    `cluster-${cluster}:`,
    ...Array.from({ length: claims }, (__, claim) => [
      `  - claimRef: default/claim-${claim}`,
      '    statusMessage: "0"',
      '    lastCheckedAt: ""',
    ]).flat(),
  ])
  return `${lines.flat().join('\n')}\n`
}

/** Throws where anything that was acknowledged is lost. */
export async function killCollector(rounds: number, random: () => number): Promise<KillTally> {
  using origin = gitOrigin()
  origin.commit(new Map([[path, registryText()]]))
  using collector = statusCollector({
    REGISTRY_FORGE: 'git',
    REGISTRY_FORGE_URL: origin.folder,
    REGISTRY_FILE_PATH: path,
    COLLECTOR_PORT: '0',
    COLLECTOR_HOST: '127.0.0.1',
    COLLECTOR_RECONCILE_INTERVAL: '200ms',
  })
  const told = new Map<string, Told>()
  let acknowledged = 0

  for (let round = 0; round < rounds; round += 1) {
    await using running = collector.start('server')
    const url = await urlOf(running)
    await checkHeld(url, told)
    const before = acknowledged
    const informers = Array.from({ length: clusters }, (_, cluster) =>
      inform(url, cluster, told, () => {
        acknowledged += 1
      }),
    )
    await until('something was acknowledged', () => Promise.resolve(acknowledged > before))
    await new Promise((resolve) => setTimeout(resolve, random() * 200))
    await running.stop('SIGKILL')
    await Promise.all(informers)
  }

  await using last = collector.start('server')
  await checkHeld(await urlOf(last), told)
  await until('the file has what was acknowledged', () => Promise.resolve(missing(textOf(origin), told).length === 0))
  return { kills: rounds, acknowledged }
}

async function urlOf(running: Running): Promise<string> {
  return `http://${await running.said(/ server listening on (127\.0\.0\.1:\d+)\n/)}`
}

/** One after the other, as an informer of the original does, until the collector is gone. */
async function inform(url: string, cluster: number, told: Map<string, Told>, taken: () => void): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    const claim = turn % claims
    const key = name(cluster, claim)
    const state = told.get(key) ?? { acknowledged: 0, sent: 0 }
    told.set(key, state)
    state.sent += 1
    const statusMessage = String(state.sent)
    const body = JSON.stringify({ cluster: `cluster-${cluster}`, claimRef: `default/claim-${claim}`, statusMessage })
    const answer = await fetch(`${url}/api/v1/status`, { method: 'POST', body }).catch(() => null)
    if (answer === null) return
    if (answer.status !== 201) throw new Error(`a post was answered ${answer.status}`)
    state.acknowledged = state.sent
    taken()
  }
}

async function checkHeld(url: string, told: ReadonlyMap<string, Told>): Promise<void> {
  const answer = await fetch(`${url}/api/v1/status`)
  const held = (await answer.json()) as { cluster: string; claimRef: string; statusMessage: string }[]
  const has = new Map(held.map(({ cluster, claimRef, statusMessage }) => [`${cluster} ${claimRef}`, statusMessage]))
  const lost = missing(has, told)
  if (lost.length > 0) throw new Error(`acknowledged, and lost: ${lost.slice(0, 5).join('; ')}`)
}

/** Whose last acknowledged status, or one that was sent after it, is not there. */
function missing(has: ReadonlyMap<string, string>, told: ReadonlyMap<string, Told>): string[] {
  return [...told].flatMap(([key, { acknowledged, sent }]) => {
    const number = Number(has.get(key) ?? 0)
    return number >= acknowledged && number <= sent ? [] : [`${key} is ${number}, not ${acknowledged}`]
  })
}

function textOf(origin: { git(...args: string[]): string }): Map<string, string> {
  let text: string
  try {
    text = origin.git('show', `${branch}:${path}`)
  } catch {
    return new Map()
  }
  const file = load(text) as Record<string, { claimRef: string; statusMessage: unknown }[]>
  return new Map(
    Object.entries(file).flatMap(([cluster, entries]) =>
      entries.map(({ claimRef, statusMessage }) => [`${cluster} ${claimRef}`, String(statusMessage)] as const),
    ),
  )
}
