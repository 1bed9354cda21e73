/** examples/claims/: statuses that are posted come into a file of a bare repository, with the commands that its readers type. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { claimsExample, madeBy, shell, type ClaimsExample } from './parts/claims-example.ts'
import { command } from './parts/commands.ts'
import { serveRegista, type Serving } from './parts/regista.ts'

const readme = 'examples/claims/README.md'
const branch = 'machinery-status/main'

/** The cells of a table that was piped, without its header. */
const rowsOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))

const heads = (at: ClaimsExample) => at.git('for-each-ref', '--format=%(refname:short)').trim().split('\n')

async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await is()); await new Promise((done) => setTimeout(done, 100))) {
    assert.ok(Date.now() < end, what)
  }
}

const serving = (at: ClaimsExample) => serveRegista(['--listen', '127.0.0.1:0'], { cwd: at.folder })

/** As the page has it; without the cluster's own words for what is posted. */
async function post(server: Serving, status: object, path = '/api/v1/status'): Promise<number> {
  const reply = await fetch(server.url + path, { method: 'POST', body: JSON.stringify(status) })
  await reply.body?.cancel()
  return reply.status
}

suite('the example of claims', () => {
  test('posted, proposed, merged, applied', { timeout: 120_000 }, async () => {
    using at = claimsExample()
    assert.match(await at.run('validate'), /: valid\n$/)
    const server = await serving(at)
    try {
      const message = 'Ready: False (Creating): Unready resources: instance'
      assert.equal(await post(server, { cluster: 'east', claimRef: 'team-a/orders', statusMessage: message }), 201)
      await until('no branch', () => heads(at).includes(branch))
      const diff = at.git('diff', 'main', branch).split('\n')
      assert.deepEqual(
        diff.filter((line) => /^[-+] /.test(line)).map((line) => line.slice(0, 21)),
        ['-    statusMessage: ', '-    lastCheckedAt: ', '+    statusMessage: ', '+    lastCheckedAt: '].map((line) =>
          line.padEnd(21, "'"),
        ),
      )
      const [shown] = JSON.parse(await at.run('claims list --cluster east --output json')) as Record<string, unknown>[]
      const { since, ...rest } = shown!
      assert.match(String(since), /^20\d\d-/)
      assert.deepEqual(rest, {
        sync: 'example',
        key: 'east/team-a%2Forders',
        cluster: 'east',
        claimRef: 'team-a/orders',
        health: null,
        message,
        targets: { registry: 'branch' },
      })
      assert.deepEqual(rowsOf(await at.run('claims list --cluster west')), [])
    } finally {
      await server.stop()
    }
    // And now each command by itself.
    shell(at.path('registry'), `git pull -q --ff-only origin ${branch} && git push -q origin main`)
    await at.run('claims reconcile')
    assert.deepEqual(heads(at), ['main'])
    assert.deepEqual(
      rowsOf(await at.run('claims list'))
        .at(0)
        ?.slice(6),
      ['example', 'registry:applied'],
    )
  })

  test('what the registry does not say, says twice, or does not know', { timeout: 120_000 }, async () => {
    using at = claimsExample()
    const server = await serving(at)
    const hostile = '\u001b[2J @all'
    const items = [
      ['team-a/orders', hostile, 'error'],
      ['team-z/unknown', 'ready', 'active'],
    ].map(([claimRef, statusMessage, health]) => ({ cluster: 'east', claimRef, statusMessage, health }))
    const json = { 'content-type': 'application/json' }
    const body = JSON.stringify({ items })
    try {
      const reply = await fetch(`${server.url}/api/v1/status/batch`, { method: 'POST', headers: json, body })
      assert.equal(reply.status, 200, await reply.text())
      await until('nothing unmatched', async () => rowsOf(await at.run('claims unmatched')).length > 0)
    } finally {
      await server.stop()
    }
    const unknown = ['east', 'team-z/unknown', '-', 'unmatched', 'registry', '-']
    assert.deepEqual(rowsOf(await at.run('claims unmatched --reason unmatched')), [unknown])
    assert.deepEqual(rowsOf(await at.run('claims unmatched --reason ambiguous')), [])
    assert.deepEqual(
      rowsOf(await at.run('claims list --health error')).map(([, claim, , health]) => `${claim} ${health}`),
      ['team-a/orders error'],
    )

    const here = ['-c', at.path('regista.yaml')]
    const piped = await command(['claims', 'preview', ...here])
    const note =
      'registry: 1 claim to change in registry.yaml, 1 without an entry (`regista claims unmatched` lists them)\n'
    assert.deepEqual([piped.code, piped.stderr], [0, note])
    assert.match(piped.stdout, /^--- a\/registry\.yaml\n\+\+\+ b\/registry\.yaml\n@@ /)
    const screen = await command(['claims', 'preview', ...here], { screen: true, columns: 200 })
    assert.match(screen.stdout, /<green>\+ {4}statusMessage: /)
    // oxlint-disable-next-line no-control-regex -- it must not be there
    assert.doesNotMatch(screen.stdout, /\u001b/)
    const [preview] = JSON.parse(await at.run('claims preview --target registry --output json')) as Preview[]
    assert.deepEqual([preview!.changes, preview!.unmatched], [1, ['east/team-z%2Funknown']])
    const none = await command(['claims', 'preview', '--target', 'other', ...here])
    assert.deepEqual([none.code, none.stderr.includes('There is no file other')], [1, true])

    const one = await at.run('claims show east team-a/orders')
    assert.match(one, /^east team-a\/orders {2}error\n {2}says: \\u001b\[2J @all\n/)
    assert.match(one, / claim\.created \\u001b\[2J @all\n/)
    const missing = await command(['claims', 'show', 'east', 'team-a/none', ...here])
    assert.deepEqual([missing.code, missing.stdout], [1, ''])
    assert.match(missing.stderr, /There is no claim team-a\/none of cluster east\./)
  })

  test('its page says what is done', () => {
    const setUp = madeBy(readme).split('\n')
    const guide = madeBy('docs/claims.md').split('\n')
    // The same repository, from the folder above.
    const here = (line: string) => line.replaceAll('.regista-claims/', '')
    assert.deepEqual(
      setUp.map(here).filter((line) => /^(?:git|cp registry)/.test(line)),
      guide.filter((line) => line !== ''),
    )
    const text = readFileSync(join(import.meta.dirname, '..', readme), 'utf8')
    const commands = [...text.matchAll(/^npm run -s regista -- (.*) -c \.regista-claims\/regista\.yaml$/gm)]
    assert.deepEqual(
      commands.map(([, args]) => args),
      ['serve', 'claims list', 'claims preview', 'claims reconcile'],
    )
  })
})

interface Preview {
  readonly changes: number
  readonly unmatched: readonly string[]
}
