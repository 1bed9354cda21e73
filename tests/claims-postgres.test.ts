/** Two collectors on one PostgreSQL: either takes any status, both tell the same, and one of them writes the file. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { test } from 'node:test'
import { skipWithout } from './parts/find.ts'
import { gitOrigin } from './parts/git-remote.ts'
import { until } from './parts/served.ts'
import { startPostgres } from './parts/postgres.ts'
import { serveRegista } from './parts/regista.ts'
import { scratch } from './parts/scratch.ts'

const claims = 12
const rounds = 25
const refs = Array.from({ length: claims }, (_, n) => `team/claim-${n}`)
const registry = `dev:\n${refs.map((ref) => `  - name: ${ref.slice(5)}\n    namespace: team\n    claimRef: ${ref}\n    statusMessage: unknown\n    lastCheckedAt: ""\n`).join('')}`

/** What a claim says in a round, with the time at which it said so. */
function itemOf(claim: number, round: number) {
  const observedAt = new Date(Date.UTC(2026, 0, 1, 0, 0, round)).toISOString()
  const named = { group: 'g.io', kind: 'Db', namespace: 'team', name: `claim-${claim}` }
  return { cluster: 'dev', claimRef: refs[claim]!, ...named, statusMessage: `round ${round}`, observedAt }
}

test(
  'statuses that reach two replicas at once, out of order',
  { skip: skipWithout('postgres', 'initdb', 'git') },
  async () => {
    const postgres = await startPostgres()
    try {
      using origin = gitOrigin()
      origin.commit(new Map([['registry.yaml', registry]]))
      const database = await postgres.createDatabase()
      const file = { git: { url: origin.url }, path: 'registry.yaml' }
      const sync = { interval: '1s', pushed: {}, targets: { registry: { file } } }
      using at = scratch('')
      for (const name of ['a', 'b']) {
        mkdirSync(at.path(name))
        const config = { server: { port: 0 }, database, state: 'state', claims: { platform: sync } }
        at.write(`${name}/regista.yaml`, JSON.stringify(config))
      }
      await using a = await serveRegista([], { cwd: at.path('a'), bound: 60_000 })
      await using b = await serveRegista([], { cwd: at.path('b'), bound: 60_000 })
      const post = async (url: string, items: readonly object[]) => {
        const headers = { 'content-type': 'application/json' }
        const body = JSON.stringify({ items })
        const answer = await fetch(`${url}/api/v1/status/batch`, { method: 'POST', headers, body })
        assert.equal(answer.status, 200, await answer.text())
      }
      // The newest of a claim reaches either of them, and older ones come after it.
      const inRound = (round: number) => refs.map((_, claim) => itemOf(claim, 1 + ((round + claim * 7) % rounds)))
      await Promise.all(
        [a, b].map(async ({ url }, turn) => {
          for (let round = turn; round < rounds; round += 2) await post(url, inRound(round))
        }),
      )
      const told = async (url: string) => {
        const listed = (await (await fetch(`${url}/api/v1/status`)).json()) as {
          claimRef: string
          statusMessage: string
        }[]
        return listed.map(({ claimRef, statusMessage }) => `${claimRef} ${statusMessage}`).toSorted()
      }
      const truth = refs.map((ref) => `${ref} round ${rounds}`).toSorted()
      for (const { url } of [a, b]) {
        await until('both replicas tell the newest', async () => String(await told(url)) === String(truth))
      }
      const proposed = () => {
        try {
          return origin.git('show', 'machinery-status/main:registry.yaml')
        } catch {
          return ''
        }
      }
      const newest = () => proposed().match(new RegExp(`statusMessage: round ${rounds}$`, 'gm'))?.length ?? 0
      // Whoever runs the sync writes at once when asked; the other refuses.
      const headers = { 'content-type': 'application/json' }
      await until('the branch has the newest of every claim', async () => {
        for (const { url } of [a, b]) await fetch(`${url}/api/v1/reconcile`, { method: 'POST', headers, body: '{}' })
        return newest() === claims
      })
      assert.equal(origin.git('branch', '--format=%(refname:short)'), 'machinery-status/main\nmain')
    } finally {
      await postgres.stop()
    }
  },
)
