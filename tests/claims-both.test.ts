/** Both ends as they are configured: a cluster's informer, a collector with a token for each, a repository. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSimulator } from '../src/connectors/kubernetes/testing/simulator.ts'
import * as cluster from '../src/registries/claims/testing/claims.ts'
import { claimsExample } from './parts/claims-example.ts'
import { regista, serveRegista } from './parts/regista.ts'

const { databases, definitions, definitionOf, compositeDatabases, listOf, objectOf, waiting } = cluster

const failing = { type: 'Synced', status: 'False', reason: 'ReconcileError', message: 'no quota' }

interface Listed {
  readonly claimRef: string
  readonly kind?: string
  readonly health: string | null
  readonly message: string
  readonly targets: Readonly<Record<string, string>>
}

test('an informer, a collector with tokens, a repository', { timeout: 180_000 }, async () => {
  using at = claimsExample()
  const config = (auth: string) =>
    writeFileSync(
      at.path('regista.yaml'),
      `server: { port: 0, auth: ${auth} }
state: state
claims:
  registry:
    pushed: { stale_after: 5m }
    targets: { file: { file: { git: { url: ./registry.git }, path: registry.yaml, on_delete: mark } } }
`,
    )
  config('tokens')
  const made = await regista(['tokens', 'create', 'east', '--role', 'operator', '--subject', 'east'], {
    cwd: at.folder,
  })
  assert.equal(made.code, 0, made.stderr)
  await using simulator = await startSimulator({ kinds: [databases, compositeDatabases, definitions], token: 'right' })
  const orders = (...conditions: object[]) =>
    simulator.put(listOf(databases, 'team-a'), objectOf(databases, 'orders', conditions, { resourceRef: composite }))
  const composite = { apiVersion: 'resources.example.org/v1alpha1', kind: 'XDatabase', name: 'orders-x1' }
  simulator.put(listOf(definitions), definitionOf(compositeDatabases, databases))
  simulator.put(
    listOf(compositeDatabases),
    objectOf(
      compositeDatabases,
      'orders-x1',
      [{ ...waiting, reason: 'Creating', message: 'Unready resources: disk' }],
      {
        claimRef: { apiVersion: composite.apiVersion, kind: 'Database', namespace: 'team-a', name: 'orders' },
      },
    ),
  )
  orders(waiting, cluster.synced)
  simulator.put(listOf(databases, 'team-a'), objectOf(databases, 'unknown'))

  const folder = mkdtempSync(join(tmpdir(), 'regista-informer-'))
  try {
    await using collector = await serveRegista([], { cwd: at.folder })
    writeFileSync(join(folder, 'token'), made.stdout)
    writeFileSync(
      join(folder, 'kubeconfig.yaml'),
      `apiVersion: v1
kind: Config
current-context: east
clusters: [{ name: east, cluster: { server: '${simulator.url.href}' } }]
users: [{ name: east, user: { token: right } }]
contexts: [{ name: east, context: { cluster: east, user: east } }]
`,
    )
    writeFileSync(
      join(folder, 'regista.yaml'),
      `server: { port: 0 }
state: state
claims:
  east:
    cluster: { name: east, discover: true, kubeconfig: kubeconfig.yaml }
    targets: { collector: { collector: { url: '${collector.url}/', token_file: token } } }
`,
    )
    await using informer = await serveRegista([], { cwd: folder })
    const listed = async () => JSON.parse(await at.run('claims list --output json')) as Listed[]
    const until = async (claim: string, is: (one: Listed | undefined) => boolean) => {
      for (const end = Date.now() + 60_000; ; await new Promise((done) => setTimeout(done, 200))) {
        const found = await listed()
        if (is(found.find(({ claimRef }) => claimRef === claim))) return
        assert.ok(Date.now() < end, `${claim}: ${JSON.stringify(found)}\n${informer.stderr()}\n${collector.stderr()}`)
      }
    }
    await until('team-a/orders', (one) => one?.targets['file'] === 'branch')
    const [first] = (await listed()).filter(({ claimRef }) => claimRef === 'team-a/orders')
    assert.deepEqual(
      [first!.kind, first!.health, first!.message],
      ['Database', 'creating', 'Ready: False (Waiting): Unready resources: disk; Synced: True'],
    )
    await until('team-a/unknown', (one) => one?.targets['file'] === 'unmatched')
    const proposed = () => at.git('for-each-ref').includes('machinery-status/main')
    for (const end = Date.now() + 60_000; !proposed(); await new Promise((done) => setTimeout(done, 200))) {
      assert.ok(Date.now() < end, collector.stderr())
    }
    assert.match(at.git('show', 'machinery-status/main:registry.yaml'), /'Ready: False \(Waiting\): Unready/)

    orders(cluster.available, failing)
    await until('team-a/orders', (one) => one?.health === 'error')
    simulator.remove(listOf(databases, 'team-a'), 'unknown')
    await until('team-a/unknown', (one) => one === undefined)
    const status = await regista(['status', 'east'], { cwd: folder })
    assert.match(status.stdout, /\ncollector\tok\t0\t-\t-\n/)
    const shown = await regista(['claims', 'list', '--output', 'json'], { cwd: folder })
    const own = JSON.parse(shown.stdout) as Listed[]
    const told = own.filter(({ claimRef }) => claimRef === 'team-a/orders')
    assert.deepEqual(
      told.map(({ health, targets }) => [health, targets]),
      [['error', { collector: 'applied' }]],
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
