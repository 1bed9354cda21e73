/** `regista capabilities validate`: what it finds, where, and how it says so. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { suite, test } from 'node:test'
import { checkManifests, groupsOf, type Profile } from '../src/registries/capabilities/index.ts'
import { command } from './parts/commands.ts'
import { scratch } from './parts/scratch.ts'

interface Found {
  readonly rule: string
  readonly level: string
  readonly file: string
  readonly line: number
  readonly column: number
  readonly what: string
  readonly next: string
  readonly related: readonly { readonly file: string; readonly line: number }[]
}

const head = (id: string, more = '') => `apiVersion: chora.dev/v1
kind: Capability
metadata:
  dc_identifier: ${id}
  dc_title: A capability of ours
  dc_description: Says what it is for in a sentence.
  dc_hasVersion: 1.2.0
${more}`

const pattern = (id: string, ...requires: readonly string[]) =>
  `${head(id)}chora_pattern: {}
${requires.length === 0 ? '' : 'dc_relation:\n  requires:\n'}${requires.map((one) => `    - ${one}\n`).join('')}`

/** Findings in a folder that holds these files; `chora.` and `.yaml` are put around the names. */
async function findingsIn(files: Readonly<Record<string, string>>, profile: Profile = 'de-facto', ...only: string[]) {
  using at = scratch('')
  const folder = at.path('manifests')
  await mkdir(folder)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, `chora.${name}.yaml`), text)
  const paths = only.length === 0 ? [folder] : only.map((name) => join(folder, `chora.${name}.yaml`))
  const groups = await groupsOf(paths, 'chora.*.yaml', { compat: false, versionSource: 'semver' })
  const { findings } = await checkManifests(groups, profile, new AbortController().signal)
  return findings.map(({ rule, level, file, line, column, what, next, related }) => {
    const place = `${relative(folder, file).replace(/^chora\.|\.yaml$/g, '')}:${line}:${column}`
    return { said: `${level} ${rule.replace('capability/', '')} ${place}`, what, next, related }
  })
}

const said = async (...given: Parameters<typeof findingsIn>) => (await findingsIn(...given)).map((one) => one.said)

suite('what is found', () => {
  test('nothing, in manifests of either shape', async () => {
    const text = 'text of more than ten characters'
    const spec = `apiVersion: chora.dev/v1
kind: Capability
metadata: { dc_identifier: chora.a.spec, dc_title: ${text}, dc_description: ${text}, dc_type: Service, dc_hasVersion: 1.0.0 }
status: active
spec:
  chora_service:
    interfaces: [{ type: rest, port: 8080 }]
    health: { endpoint: /health }
    distribution: { pypi_package: chora-spec }
`
    assert.deepEqual(await said({ 'a.spec': spec }, 'schema'), [])
    assert.deepEqual(await said({ 'a.flat': pattern('chora.a.flat') }), [])
    const missing = spec.replace(', port: 8080', '').replace('status: active\n', '').replace(/$/, 'extra: 1\n')
    assert.deepEqual(await said({ 'a.spec': missing }, 'schema'), [
      'error missing-field a.spec:1:1',
      'error missing-field a.spec:6:18',
      'error unknown-field a.spec:9:1',
    ])
  })

  test('files that cannot be read, each by itself', async () => {
    assert.deepEqual(
      await said({
        'a.bad': 'metadata: [\n',
        'a.empty': '',
        'a.none': 'metadata: { dc_title: x }\n',
        'a.type': 'metadata: { dc_identifier: chora.a.type }\n',
        'a.date': `${head('chora.a.date', '  dc_date: 2025-11-15\n')}chora_pattern:\n`,
        'a.good': pattern('chora.a.good'),
      }),
      [
        'error syntax a.bad:2:1',
        'error invalid-value a.date:8:3',
        'error missing-metadata a.empty:1:1',
        'error missing-identifier a.none:1:1',
        'error unknown-type a.type:1:1',
      ],
    )
  })

  test('shape and versions', async () => {
    const odd = `metadata:
  dc_identifier: chora.A.odd
  dc_type: Service
  dc_title: [no, text]
  dc_hasVersion: v1
chora_pattern: nothing
`
    assert.deepEqual(await said({ 'a.odd': odd }), [
      'warning missing-field a.odd:1:1',
      'note file-name a.odd:2:3',
      'warning identifier-form a.odd:2:3',
      'warning type-mismatch a.odd:3:3',
      'warning invalid-field a.odd:4:3',
      'error invalid-version a.odd:5:3',
      'warning invalid-field a.odd:6:1',
    ])
    assert.deepEqual(await said({ 'a.odd': odd }, 'loose'), [
      'warning type-mismatch a.odd:3:3',
      'warning invalid-version a.odd:5:3',
    ])
  })

  test('two files with one identifier: both are named, at both', async () => {
    const found = await findingsIn({ 'a.one': pattern('chora.a.one'), 'a.two': pattern('chora.a.one') })
    assert.deepEqual(
      found.filter(({ said: text }) => text.includes('duplicate')).map((one) => one.said),
      ['error duplicate-identifier a.one:4:3', 'error duplicate-identifier a.two:4:3'],
    )
    assert.match(found[0]!.what, /chora\.a\.one is also in .*chora\.a\.two\.yaml$/)
    assert.match(found[0]!.related[0]!.file, /chora\.a\.two\.yaml$/)
  })

  test('the graph: dangling, unmet, no range, not allowed, circles', async () => {
    const files = {
      'a.lost': pattern('chora.a.lost', 'chora.b.here', '{ capability: chora.a.nowhere, version: ^1.0.0 }'),
      'a.here': pattern('chora.a.here', '{ capability: chora.a.runs, version: ">=2", relationship: runtime }'),
      'a.runs': `${head('chora.a.runs')}chora_service: {}\n`,
      'a.uses': pattern('chora.a.uses', 'chora.a.runs', '{ capability: chora.a.here, version: one }'),
      'c.one': pattern('chora.c.one', 'chora.c.two'),
      'c.two': pattern('chora.c.two', '{ capability: chora.c.one, relationship: prerequisite }'),
      'd.one': `${pattern('chora.d.one')}dc_relation: { optional: [chora.d.two, chora.d.gone] }\n`,
      'd.two': pattern('chora.d.two', 'chora.d.one', 'chora.d.one'),
    }
    const found = await findingsIn(files)
    assert.deepEqual(
      found.map((one) => one.said),
      [
        'error unmet-constraint a.here:11:35',
        'error dangling-dependency a.lost:11:7',
        'error dangling-dependency a.lost:12:7',
        'error relationship-not-allowed a.uses:11:7',
        'error invalid-constraint a.uses:12:35',
        'error dependency-cycle c.one:11:7',
        'note optional-cycle d.one:9:27',
        'warning dangling-reference d.one:9:40',
        'warning repeated-dependency d.two:12:7',
      ],
    )
    assert.match(found[1]!.next, /did you mean chora\.a\.here\?/)
    assert.match(found[0]!.what, /wants chora\.a\.runs >=2, which is at 1\.2\.0/)
    assert.match(found[5]!.what, /chora\.c\.one → chora\.c\.two → chora\.c\.one/)
    assert.match(found[5]!.related[0]!.file, /chora\.c\.two/)
  })

  test('one file alone is judged beside its neighbours, and only it', async () => {
    const files = { 'a.one': pattern('chora.a.one', 'chora.a.two'), 'a.two': pattern('chora.a.two', 'chora.a.gone') }
    assert.deepEqual(await said(files, 'de-facto', 'a.one'), [])
    assert.deepEqual(await said(files, 'de-facto', 'a.two'), ['error dangling-dependency a.two:11:7'])
  })

  test('aliases that multiply cost nothing', async () => {
    const bomb = Array.from({ length: 30 }, (_, at) => `l${at + 1}: &l${at + 1} [${`*l${at}, `.repeat(9)}]\n`).join('')
    assert.deepEqual(await said({ 'a.bomb': `l0: &l0 [x]\n${bomb}${pattern('chora.a.bomb')}` }), [])
  })
})

suite('how it is said', () => {
  const files = {
    'chora.a.one.yaml': pattern('chora.a.one', 'chora.a.gone'),
    'chora.a.two.yaml': pattern('chora.a.two').replace('  dc_title: A capability of ours\n', ''),
  }
  async function folder() {
    const at = scratch('')
    await mkdir(at.path('manifests'))
    for (const [name, text] of Object.entries(files)) await writeFile(at.path(join('manifests', name)), text)
    return at
  }
  const validate = (...args: readonly string[]) => command(['capabilities', 'validate', ...args])

  test('piped: a line each; on a screen by file, in colour; exit codes', async () => {
    using at = await folder()
    const path = at.path('manifests')
    const { code, stdout, stderr } = await validate(path)
    assert.deepEqual([code, stderr], [1, ''])
    const lines = stdout.trimEnd().split('\n')
    assert.match(
      lines[0]!,
      /chora\.a\.one\.yaml:11:7: error: .*chora\.a\.gone.*; .* \[capability\/dangling-dependency\]$/,
    )
    assert.equal(lines.at(-1), '2 manifests, 1 error, 1 warning in 2 files')
    const screen = await command(['capabilities', 'validate', path], { screen: true })
    assert.match(
      screen.stdout,
      /^<bold>.*chora\.a\.one\.yaml<\/bold>\n {2}11:7 {2}<red>error<\/red> {2}chora\.a\.one requires/,
    )

    const two = join(path, 'chora.a.two.yaml')
    assert.equal((await validate(two)).code, 0)
    assert.equal((await validate('--strict', two)).code, 1)
    assert.equal((await validate('--profile', 'loose', '--strict', two)).code, 0)
    const none = await validate(at.path('nowhere'))
    assert.deepEqual([none.code, none.stdout], [2, ''])
    assert.match(none.stderr, /Capabilities directory not found: .*nowhere\n$/)
    assert.equal((await validate('--glob', 'x*', path)).code, 2)
  })

  test('without paths: the folders that the configuration names; regista validate warns of the same', async () => {
    using at = await folder()
    at.write('regista.yaml', 'capabilities: { one: { directory: manifests, targets: { own: { store: true } } } }\n')
    const config = ['-c', at.path('regista.yaml')]
    const { code, stdout } = await validate(...config)
    assert.equal(code, 1)
    assert.match(stdout, /dangling-dependency/)
    const all = await command(['validate', ...config])
    assert.equal(all.code, 0)
    assert.match(all.stdout, /^warning: manifests\/chora\.a\.one\.yaml:11:7: .*\(capability\/dangling-dependency\)/)
    assert.match(all.stdout, /: 1 warning\n$/)
  })

  test('JSON', async () => {
    using at = await folder()
    const { stdout } = await validate('--output', 'json', at.path('manifests'))
    const { ok, profile, manifests, counts, findings } = JSON.parse(stdout) as Record<string, unknown> & {
      findings: Found[]
    }
    assert.deepEqual([ok, profile, manifests, counts], [false, 'de-facto', 2, { error: 1, warning: 1, note: 0 }])
    assert.deepEqual(
      findings.map(({ rule, level, line, column }) => [rule, level, line, column]),
      [
        ['capability/dangling-dependency', 'error', 11, 7],
        ['capability/missing-field', 'warning', 3, 1],
      ],
    )
  })

  test('SARIF: every result has its rule, a place below the folder, and a fingerprint that lines do not move', async () => {
    using at = await folder()
    const sarif = async () => {
      const { stdout } = await validate('--output', 'sarif', at.path('manifests'))
      const log = JSON.parse(stdout) as { version: string; runs: SarifRun[] }
      assert.deepEqual([log.version, log.runs.length], ['2.1.0', 1])
      return log.runs[0]!
    }
    const { tool, results } = await sarif()
    assert.equal(results.length, 2)
    for (const { ruleId, ruleIndex, message, locations, partialFingerprints } of results) {
      assert.equal(tool.driver.rules[ruleIndex]!.id, ruleId)
      assert.ok(tool.driver.rules[ruleIndex]!.help.text.length > 20)
      assert.match(message.text, /[.?]$/)
      const { artifactLocation, region } = locations[0]!.physicalLocation
      assert.match(artifactLocation.uri, /manifests\/chora\.a\.(one|two)\.yaml$/)
      assert.ok(region.startLine > 0 && region.startColumn > 0)
      assert.equal(Object.keys(partialFingerprints).length, 1)
    }
    const [name, text] = Object.entries(files)[0]!
    at.write(join('manifests', name), `# moved\n\n${text}`)
    const moved = (await sarif()).results
    assert.equal(moved[0]!.locations[0]!.physicalLocation.region.startLine, 13)
    assert.deepEqual(
      moved.map((one) => one.partialFingerprints),
      results.map((one) => one.partialFingerprints),
    )
  })
})

interface SarifRun {
  readonly tool: { readonly driver: { readonly rules: readonly { id: string; help: { text: string } }[] } }
  readonly results: readonly {
    readonly ruleId: string
    readonly ruleIndex: number
    readonly message: { readonly text: string }
    readonly partialFingerprints: Readonly<Record<string, string>>
    readonly locations: readonly {
      readonly physicalLocation: {
        readonly artifactLocation: { readonly uri: string }
        readonly region: { readonly startLine: number; readonly startColumn: number }
      }
    }[]
  }[]
}

const real = resolve(import.meta.dirname, '../../shared/fixtures/capabilities/manifests')

test('the 48 real manifests', { skip: existsSync(real) ? false : 'the manifests are not here' }, async () => {
  const look = async (profile: Profile) => {
    const groups = await groupsOf([real], 'chora.*.yaml', { compat: false, versionSource: 'semver' })
    const { manifests, findings } = await checkManifests(groups, profile, new AbortController().signal)
    assert.equal(manifests, 48)
    return findings
  }
  const rulesOf = async (profile: Profile) =>
    (await look(profile)).map(({ level, rule }) => `${level} ${rule}`).toSorted()
  assert.deepEqual(await rulesOf('de-facto'), [
    'error capability/dangling-dependency',
    'error capability/relationship-not-allowed',
    'note capability/optional-cycle',
  ])
  assert.deepEqual(await rulesOf('loose'), [
    'error capability/dangling-dependency',
    'note capability/optional-cycle',
    'warning capability/relationship-not-allowed',
  ])
  const wrong = (await look('schema')).filter(({ level }) => level === 'error')
  assert.equal(new Set(wrong.map(({ file }) => file)).size, 48)
})
