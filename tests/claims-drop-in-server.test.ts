/** machinery-status-collector server as a process: what it answers, and what becomes of it in a repository. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { load } from 'js-yaml'
import { skipWithout } from './parts/find.ts'
import { gitOrigin } from './parts/git-remote.ts'
import { until } from './parts/gitops-sync.ts'
import { statusCollector, type Running } from './parts/status-collector.ts'

const registry = `# by hand
dev:
  - name: vm
    namespace: default
    claimRef: default/vm
    statusMessage: unknown # not yet
    lastCheckedAt: ""
  - name: volume
    namespace: default
    claimRef: default/volume
    statusMessage: unknown
    lastCheckedAt: ""
`
const branch = 'machinery-status/main'

describe('machinery-status-collector server', { skip: skipWithout('git') }, () => {
  function collector(more: Readonly<Record<string, string>> = {}) {
    const origin = gitOrigin()
    origin.commit(new Map([['claims/registry.yaml', registry]]))
    const made = statusCollector({
      REGISTRY_FORGE: 'git',
      REGISTRY_FORGE_URL: origin.folder,
      REGISTRY_FILE_PATH: 'claims/registry.yaml',
      COLLECTOR_PORT: '0',
      COLLECTOR_HOST: '127.0.0.1',
      COLLECTOR_RECONCILE_INTERVAL: '200ms',
      ...more,
    })
    const show = (what: string) => {
      try {
        return origin.git('show', `${what}:claims/registry.yaml`)
      } catch {
        return null
      }
    }
    return {
      ...made,
      origin,
      show,
      begin: () => made.start('server'),
      [Symbol.dispose]() {
        made[Symbol.dispose]()
        origin[Symbol.dispose]()
      },
    }
  }

  const urlOf = async (running: Running) => `http://${await running.said(/ server listening on (127\.0\.0\.1:\d+)\n/)}`
  const post = async (url: string, claimRef: string, statusMessage: string, headers: Record<string, string> = {}) => {
    const body = JSON.stringify({ cluster: 'dev', claimRef, statusMessage })
    const answer = await fetch(`${url}/api/v1/status`, { method: 'POST', body, headers })
    return [answer.status, await answer.text()] as const
  }
  const created = [201, '{"status":"created"}\n'] as const

  test('a status that an informer of before posts: two lines of the file differ, on one branch', async () => {
    using ours = collector()
    await using running = ours.begin()
    const url = await urlOf(running)
    assert.deepEqual(await post(url, 'default/vm', 'Ready=True'), created)
    await until('the branch has it', () => Promise.resolve(ours.show(branch)?.includes('Ready=True') ?? false))
    const changed = ours.origin.git('diff', '--unified=0', `main..${branch}`).split('\n')
    assert.deepEqual(
      changed
        .filter((line) => /^[+-][^+-]/.test(line))
        .map((line) => line.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/, 'NOW')),
      [
        '-    statusMessage: unknown # not yet',
        '-    lastCheckedAt: ""',
        '+    statusMessage: Ready=True # not yet',
        '+    lastCheckedAt: "NOW"',
      ],
    )
    assert.equal(ours.origin.git('log', '-1', '--format=%s', branch), 'chore: update claim statuses')
    const head = ours.origin.git('rev-parse', branch)

    // The same again, and a claim that the registry does not know: nothing to commit.
    assert.deepEqual(await post(url, 'default/vm', 'Ready=True'), created)
    assert.deepEqual(await post(url, 'default/other', 'Ready=True'), created)
    assert.deepEqual(await post(url, 'default/volume', 'no quota'), created)
    await until('the branch has the other', () => Promise.resolve(ours.show(branch)?.includes('no quota') ?? false))
    assert.equal(ours.origin.git('rev-list', '--count', `main..${branch}`), '1')
    assert.notEqual(ours.origin.git('rev-parse', branch), head)

    // Merged: the branch goes.
    ours.origin.git('update-ref', 'refs/heads/main', ours.origin.git('rev-parse', branch))
    await until('the branch is gone', () => Promise.resolve(ours.show(branch) === null))
    await running.said(`pushed branch ${branch}\n`)
    await running.said(/INFO request method=POST path=\/api\/v1\/status status=201 duration=[\d.]+(?:µs|ms|s)\n/)
    await running.said('WARN "everybody who reaches this port'.replace('"', ''))
    assert.equal(await running.stop(), 0)
    assert.match(running.stderr(), /received signal terminated, shutting down\n(?:.*\n)*.* server stopped\n$/)
  })

  test('what it answers besides', async () => {
    using ours = collector()
    await using running = ours.begin()
    const url = await urlOf(running)
    const get = async (path: string, init: RequestInit = {}) => {
      const answer = await fetch(url + path, init)
      return [answer.status, answer.headers.get('content-type'), await answer.text()] as const
    }
    const plain = 'text/plain; charset=utf-8'
    assert.deepEqual(await get('/healthz'), [200, 'application/json', '{"status":"ok"}\n'])
    assert.deepEqual(await get('/nothing'), [404, plain, '404 page not found\n'])
    assert.deepEqual(await get('/'), [404, plain, '404 page not found\n'])
    assert.deepEqual(await get('/api/v1/tokens'), [404, plain, '404 page not found\n'])
    assert.deepEqual(await get('/api/v1/status', { method: 'PUT' }), [405, plain, 'Method Not Allowed\n'])
    assert.match((await get('/version'))[2], /^\{"commit":"[^"]+","version":"[^"]+"\}\n$/)
    assert.equal((await get('/livez'))[0], 200)
    assert.equal((await get('/readyz'))[0], 200)
    assert.match((await get('/metrics'))[2], /^# HELP regista_/)
    const large = await get('/api/v1/status', { method: 'POST', body: 'x'.repeat((1 << 20) + 1) })
    assert.equal(large[0], 413)
  })

  test('what is ours beside it: batches, removals, what has no entry, a description', async () => {
    using ours = collector({ COLLECTOR_RECONCILE_INTERVAL: '1h' })
    await using running = ours.begin()
    const url = await urlOf(running)
    const ask = async (method: string, path: string, body?: unknown) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      const answer = await fetch(url + path, { method, headers, ...sent })
      const text = await answer.text()
      return { status: answer.status, text, json: () => JSON.parse(text) as Record<string, never> }
    }
    const items = ['default/vm', 'default/nobody'].map((claimRef) => ({ cluster: 'dev', claimRef, statusMessage: 'a' }))
    const batch = await ask('POST', '/api/v1/status/batch', { items })
    assert.deepEqual([batch.status, batch.json()], [200, { results: [{ status: 'created' }, { status: 'created' }] }])
    assert.equal((await ask('POST', '/api/v1/reconcile')).status, 200)
    assert.match(ours.show(branch)!, /statusMessage: a # not yet/)
    const [unmatched] = ((await ask('GET', '/api/v1/unmatched')).json() as { items?: { claimRef: string }[] }).items!
    assert.equal(unmatched?.claimRef, 'default/nobody')
    assert.equal((await ask('DELETE', '/api/v1/status/dev/default/nobody')).status, 200)
    assert.equal((await ask('GET', '/api/v1/status/dev')).text.split('claimRef').length, 2)
    assert.equal((await ask('GET', '/api/v1/status/batch')).text, '[]\n')
    const described = load((await ask('GET', '/openapi.yaml')).text) as {
      paths: Readonly<Record<string, unknown>>
      components: { schemas: Readonly<Record<string, unknown>> }
    }
    const schemas = [
      'StatusRequest',
      'StatusEntry',
      'CreatedResponse',
      'HealthResponse',
      'VersionResponse',
      'ErrorResponse',
    ]
    for (const name of schemas) assert.ok(described.components.schemas[name], name)
    for (const path of ['/api/v1/status', '/healthz', '/api/v1/status/batch', '/api/v1/preview', '/readyz']) {
      assert.ok(described.paths[path], path)
    }
  })

  test('kill -9 after an answer, and another start: what was acknowledged is delivered', async () => {
    using ours = collector({ COLLECTOR_RECONCILE_INTERVAL: '1h' })
    {
      await using running = ours.begin()
      const url = await urlOf(running)
      assert.deepEqual(await post(url, 'default/volume', 'no quota'), created)
      running.child.kill('SIGKILL')
      await running.stop()
    }
    await using running = ours.begin()
    await until('the branch has it', () => Promise.resolve(ours.show(branch)?.includes('no quota') ?? false))
    const listed = await fetch(`${await urlOf(running)}/api/v1/status/dev`)
    const [entry] = (await listed.json()) as { statusMessage: string }[]
    assert.equal(entry?.statusMessage, 'no quota')
  })

  test('tokens: each for its cluster, one for all', async () => {
    using ours = collector()
    const file = ours.write('tokens', 'dev hush\nprod other\n* all\n')
    await using running = ours.start('server', { COLLECTOR_TOKENS_FILE: file })
    const url = await urlOf(running)
    const as = (token: string) => ({ authorization: `Bearer ${token}` })
    assert.equal((await post(url, 'default/vm', 'a'))[0], 401)
    assert.equal((await post(url, 'default/vm', 'a', as('nope')))[0], 401)
    assert.equal((await post(url, 'default/vm', 'a', as('other')))[0], 403)
    assert.deepEqual(await post(url, 'default/vm', 'a', as('hush')), created)
    assert.deepEqual(await post(url, 'default/vm', 'b', as('all')), created)
    assert.equal((await fetch(`${url}/livez`)).status, 200)
    assert.doesNotMatch(running.stderr(), /hush|everybody/)
  })

  test('a dry run touches no repository', async () => {
    using ours = collector({ COLLECTOR_DRY_RUN: 'true' })
    await using running = ours.begin()
    const url = await urlOf(running)
    assert.deepEqual(await post(url, 'default/vm', 'Ready=True'), created)
    const lastPass = async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text()
      return Number(/^regista_pass_timestamp_seconds\{[^}]*\} (\S+)$/m.exec(metrics)?.[1] ?? 0)
    }
    for (let pass = 1; pass <= 2; pass++) {
      const before = await lastPass()
      await until('another pass', async () => (await lastPass()) > before)
    }
    assert.equal(ours.show(branch), null)
    assert.match(await (await fetch(`${url}/api/v1/preview`)).text(), /^\+ {4}statusMessage: Ready=True # not yet$/m)
    assert.equal(await running.stop(), 0)
    await using wet = ours.start('server', { COLLECTOR_DRY_RUN: '' })
    await until('the branch has it', () => Promise.resolve(ours.show(branch)?.includes('Ready=True') ?? false))
    assert.equal(await wet.stop(), 0)
  })

  test('what cannot be listened on is said as before', async () => {
    for (const [port, message] of [
      ['abc', 'server error: listen tcp: lookup tcp/abc: unknown port'],
      ['99999', 'server error: listen tcp: address 99999: invalid port'],
    ] as const) {
      using ours = collector({ COLLECTOR_PORT: port })
      const { code, stderr, stdout } = await ours.run('server')
      const usage = 'Usage:\n  machinery-status-collector server [flags]\n\nFlags:\n  -h, --help   help for server\n'
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, new RegExp(`^\\S+ \\S+ server listening on 127\\.0\\.0\\.1:${port}\\n`))
      assert.ok(stderr.endsWith(`Error: ${message}\n${usage}\n${message}\n`), stderr)
    }
  })
})
