/** examples/modules/: images in a folder become documentation in another one, with the commands that its readers type. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { command } from './parts/commands.ts'
import { serveRegista } from './parts/regista.ts'

const example = join(import.meta.dirname, '../examples/modules')
const releases = 'registry/modules/echo/release/index.json'

function copy() {
  const folder = mkdtempSync(join(tmpdir(), 'regista-example-'))
  cpSync(example, folder, { recursive: true })
  const path = (...parts: string[]) => join(folder, ...parts)
  const run = async (line: string, code = 0) => {
    const ran = await command([...line.split(' '), '-c', path('regista.yaml')])
    assert.equal(ran.code, code, `${line}\n${ran.stdout}${ran.stderr}`)
    return ran.stdout
  }
  return {
    folder,
    path,
    run,
    /** What a person does who moves a tag. */
    promote: () => writeFileSync(path(releases), readFileSync(path(releases), 'utf8').replace('"beta"', '"stable"')),
    readme: (place: string) => readFileSync(path('documentation', place, 'docs/README.md'), 'utf8'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** The cells of a table that was piped, without its header. */
const rowsOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))

const base = 'oci-layout:registry/modules'

suite('the example of modules', () => {
  test('one pass after the other: unpacked, promoted, removed', async () => {
    using at = copy()
    assert.match(await at.run('validate'), /: valid\n$/)
    assert.equal(rowsOf(await at.run('plan', 2)).length, 5)
    await at.run('sync')
    assert.match(at.readme('echo/stable'), /^This is v1\.0\.2\.$/m)
    assert.match(at.readme('lantern/early-access'), /^This is v0\.4\.0\.$/m)
    assert.deepEqual(readdirSync(at.path('documentation/echo/alpha')).toSorted(), [
      '.regista.json',
      'crds',
      'docs',
      'module.yaml',
      'openapi',
    ])

    assert.deepEqual(rowsOf(await at.run('modules list')), [
      ['echo', 'alpha', 'v1.1.0', base, 'no', 'example', 'site:applied'],
      ['echo', 'beta', 'v1.1.0', base, 'no', 'example', 'site:applied'],
      ['echo', 'stable', 'v1.0.2', base, 'no', 'example', 'site:applied'],
      ['lantern', 'alpha', 'v0.4.0', base, 'no', 'example', 'site:applied'],
      ['lantern', 'early-access', 'v0.4.0', base, 'no', 'example', 'site:applied'],
    ])
    assert.deepEqual(
      rowsOf(await at.run('modules list --channel alpha')).map(([module]) => module),
      ['echo', 'lantern'],
    )
    assert.equal(rowsOf(await at.run('modules list --module echo --sync example')).length, 3)
    assert.equal(rowsOf(await at.run('modules list --sync another')).length, 0)
    const [found] = JSON.parse(await at.run('modules list --module lantern --output json')) as Record<string, unknown>[]
    assert.deepEqual([found!['channel'], found!['signed'], found!['size']], ['alpha', false, 8192])

    at.promote()
    await at.run('sync')
    assert.match(at.readme('echo/stable'), /^This is v1\.1\.0\.$/m)
    assert.equal(existsSync(at.path('documentation/echo/beta')), true, 'one look that misses it is not believed')
    await at.run('sync --allow-deletes 1')
    assert.equal(existsSync(at.path('documentation/echo/beta')), false)
    assert.deepEqual(rowsOf(await at.run('plan')), [])
  })

  test('served: a tag that moves is seen, and the API and the command say what is there', async () => {
    using at = copy()
    await using server = await serveRegista(['--listen', '127.0.0.1:0'], { cwd: at.folder })
    const versions = async () => {
      const reply = await fetch(`${server.url}/api/v1/modules?module=echo`)
      const { items } = (await reply.json()) as { items: readonly Listed[] }
      return items.map(({ channel, version, targets }) => `${channel} ${version} ${targets['site']}`)
    }
    const until = async (expected: readonly string[]) => {
      for (const end = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
        const found = await versions()
        if (JSON.stringify(found) === JSON.stringify(expected)) return
        if (Date.now() > end) assert.deepEqual(found, expected, server.stderr())
      }
    }
    await until(['alpha v1.1.0 applied', 'beta v1.1.0 applied', 'stable v1.0.2 applied'])
    at.promote()
    // Gone after a second look, an interval later.
    await until(['alpha v1.1.0 applied', 'stable v1.1.0 applied'])
    assert.match(at.readme('echo/stable'), /^This is v1\.1\.0\.$/m)
    assert.equal(rowsOf(await at.run('modules list')).length, 4)
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    assert.match(
      metrics,
      /^regista_modules_channels\{sync="example",registry="oci-layout:registry\/modules",channel="alpha"\} 2$/m,
    )
    assert.match(metrics, /^regista_modules_remarks\{sync="example",kind="unsigned"\} 4$/m)
  })
})

interface Listed {
  readonly channel: string
  readonly version: string
  readonly targets: Readonly<Record<string, string>>
}
