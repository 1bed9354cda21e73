/** machinery-status-collector server against GitHub's API: one pull request, said of in the words of before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeGitHub, goodToken } from '../src/connectors/github/testing/fake-github.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { until } from './parts/gitops-sync.ts'
import { statusCollector } from './parts/status-collector.ts'

const registry = (message: string) =>
  [
    'dev:',
    '  - name: vm',
    '    namespace: default',
    '    claimRef: default/vm',
    `    statusMessage: ${message}`,
    '    lastCheckedAt: ""',
    '',
  ].join('\n')

test('machinery-status-collector server: one pull request, opened, updated, closed once the base has it', async () => {
  const path = 'registry.yaml'
  const github = createFakeGitHub({ clock: systemClock, files: { [path]: registry('unknown') } })
  const left = 'status-update-1795237200'
  github.repository.push(left, { [path]: registry('old') })
  const body = 'Automated status update from machinery-status-collector.'
  github.repository.open({ from: left, into: 'main', title: 'chore: update claim statuses', body, draft: false })
  const listening = await github.listen()
  try {
    using ours = statusCollector({
      GITHUB_TOKEN: goodToken,
      REGISTRY_REPO_OWNER: 'acme',
      REGISTRY_REPO_NAME: 'claims',
      REGISTRY_FILE_PATH: path,
      REGISTRY_FORGE_URL: listening.url,
      REGISTRY_CLOSE_LEFTOVERS: 'true',
      COLLECTOR_PORT: '0',
      COLLECTOR_HOST: '127.0.0.1',
      COLLECTOR_RECONCILE_INTERVAL: '300ms',
    })
    await using running = ours.start('server')
    const url = `http://${await running.said(/ server listening on (127\.0\.0\.1:\d+)\n/)}`
    const post = async (statusMessage: string) => {
      const body = JSON.stringify({ cluster: 'dev', claimRef: 'default/vm', statusMessage })
      assert.equal((await fetch(`${url}/api/v1/status`, { method: 'POST', body })).status, 201)
    }
    await post('Ready=True')
    await running.said(' created PR #2 on branch machinery-status/main\n')
    const [asked] = github.calls.filter(({ method, path: of }) => method === 'POST' && of.endsWith('/pulls'))
    const draft = JSON.parse(asked!.body) as Record<string, string>
    assert.deepEqual(
      [draft['title'], draft['head'], draft['base']],
      ['chore: update claim statuses', 'machinery-status/main', 'main'],
    )
    assert.ok(!running.stderr().includes(goodToken))

    await until('what the original left is gone', () => Promise.resolve(!github.repository.branches.has(left)))
    await running.said(' closed PR #1\n')
    await post('no quota')
    await running.said(' updated PR #2\n')
    assert.match(github.repository.text('machinery-status/main', path)!, /statusMessage: no quota\n/)
    github.repository.merge(2)
    await until('the branch is gone', () => Promise.resolve(!github.repository.branches.has('machinery-status/main')))
    assert.doesNotMatch(running.stderr(), /created PR #3/)
    assert.equal(await running.stop(), 0)
  } finally {
    await listening.close()
  }
})

test('machinery-status-collector server: a token that GitHub does not know is told once', async () => {
  const github = createFakeGitHub({ clock: systemClock, files: { f: registry('unknown') } })
  const listening = await github.listen()
  try {
    using ours = statusCollector({
      GITHUB_TOKEN: 'ghp_wrong',
      REGISTRY_REPO_OWNER: 'acme',
      REGISTRY_REPO_NAME: 'claims',
      REGISTRY_FILE_PATH: 'f',
      REGISTRY_FORGE_URL: listening.url,
      COLLECTOR_PORT: '0',
      COLLECTOR_RECONCILE_INTERVAL: '100ms',
    })
    await using running = ours.start('server')
    await running.said(/ reconcile error: .*401 .*acme\/claims; give credentials that are valid/)
    await until('it was tried again', () => Promise.resolve(github.calls.length >= 3))
    assert.equal(running.stderr().match(/reconcile error/g)?.length, 1)
    assert.ok(!running.stderr().includes('ghp_wrong'))
  } finally {
    await listening.close()
  }
})
