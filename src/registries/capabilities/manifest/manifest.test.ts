import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readManifest, type ManifestRules } from './manifest.ts'
import { facets, type Capability } from '../model.ts'
import { describeProblem, ManifestError } from './problem.ts'

const standard: ManifestRules = { compat: false, versionSource: 'semver' }
const original: ManifestRules = { compat: true, versionSource: 'dc_date' }

function read(text: string | Uint8Array, rules = standard): Capability {
  return readManifest(Buffer.from(text), 'chora.x.yaml', rules)
}

function problemOf(text: string | Uint8Array, rules = standard): string {
  try {
    read(text, rules)
  } catch (thrown) {
    assert.ok(thrown instanceof ManifestError, (thrown as Error).stack)
    return describeProblem('chora.x.yaml', thrown)
  }
  return 'accepted'
}

const minimal = 'metadata: {dc_identifier: chora.a.b}\nchora_service:\n'

test('type: the block decides, a service before a pattern, a null block too', () => {
  assert.equal(read(minimal).type, 'service')
  assert.equal(read('metadata: {dc_identifier: x}\nchora_pattern: {}\n').type, 'pattern')
  assert.equal(
    read('metadata: {dc_identifier: x, dc_type: Pattern}\nchora_pattern: 1\nchora_service: 1\n').type,
    'service',
  )
})

test('type: templates nest the block in spec, loose manifests carry only dc_type; neither with compat', () => {
  const nested = 'metadata: {dc_identifier: x}\nspec: {chora_pattern: {}}\n'
  const loose = 'metadata: {dc_identifier: x, dc_type: SERVICE}\n'
  assert.equal(read(nested).type, 'pattern')
  assert.equal(read(loose).type, 'service')
  for (const text of [nested, loose]) assert.equal(problemOf(text, original), 'Unknown capability type: chora.x.yaml')
  assert.equal(problemOf('metadata: {dc_identifier: x, dc_type: Tool}\n'), 'Unknown capability type: chora.x.yaml')
})

test('version: dc_hasVersion, then chora_version in metadata, then at the top, then 1.0.0', () => {
  const version = (metadata: string, top = '', rules = standard) =>
    read(`metadata: {dc_identifier: x, ${metadata}}\n${top}\nchora_service:\n`, rules).version
  assert.equal(version('dc_hasVersion: 2.1.0, chora_version: 3.0.0', 'chora_version: 4.0.0'), '2.1.0')
  assert.equal(version('dc_hasVersion: , chora_version: 3.0.0', 'chora_version: 4.0.0'), '3.0.0')
  assert.equal(version('', 'chora_version: 4.0.0'), '4.0.0')
  assert.equal(version('dc_date: "2025-11-15"'), '1.0.0')
  const dated: ManifestRules = { compat: false, versionSource: 'dc_date' }
  assert.equal(version('dc_hasVersion: 2.1.0, dc_date: "2025-11-15"', '', dated), '2025-11-15')
  assert.equal(version('dc_hasVersion: 2.1.0', '', original), '1.0.0')
  const unquoted = 'metadata: {dc_identifier: x, dc_hasVersion: 1.0}\nchora_service:\n'
  assert.match(problemOf(unquoted), /^Failed to sync x to etcd: dc_hasVersion is of type float, .*quotes$/)
})

test('dependencies: capability, relationship, version in this order, with defaults; everything else is left out', () => {
  const requires = [
    '{version: ^1.0.0, capability: a.b, relationship: runtime, note: n}',
    '{capability: c}',
    'd.e',
    '{capability: f, version: , relationship: }',
  ]
  const text = `${minimal}dc_relation: {requires: [${requires.join(', ')}], extends: [{capability: z}]}\n`
  assert.equal(
    read(text).dependencies,
    '[{"capability": "a.b", "relationship": "runtime", "version": "^1.0.0"}, ' +
      '{"capability": "c", "relationship": "prerequisite", "version": "*"}, ' +
      '{"capability": "d.e", "relationship": "prerequisite", "version": "*"}, ' +
      '{"capability": "f", "relationship": null, "version": null}]',
  )
  assert.equal(read(minimal).dependencies, '[]')
  const nested = read('metadata: {dc_identifier: x, dc_relation: {requires: [y]}}\nchora_service:\n')
  assert.equal(nested.dependencies, '[{"capability": "y", "relationship": "prerequisite", "version": "*"}]')
})

test('dependencies that are no list: refused, and with compat taken apart as the original did', () => {
  const text = (requires: string) => `${minimal}dc_relation: {requires: ${requires}}\n`
  for (const odd of ['ab', '{k: v}', '[1]', '[{version: "1"}]']) {
    assert.match(problemOf(text(odd)), /^Failed to sync chora\.a\.b to etcd: /, odd)
  }
  const names = (requires: string) =>
    (JSON.parse(read(text(requires), original).dependencies) as { capability: string }[]).map(
      ({ capability }) => capability,
    )
  assert.deepEqual(names('ab'), ['a', 'b'])
  assert.deepEqual(names('{k: v}'), ['k'])
  assert.deepEqual(names('[1, {version: "1"}]'), [null])
  assert.equal(read(text('')).dependencies, '[]')
  assert.equal(problemOf(text(''), original), "Error processing chora.x.yaml: 'NoneType' object is not iterable")
})

test('identifier: the text of whatever scalar it is, one line of text', () => {
  const id = (value: string) => read(`metadata: {dc_identifier: ${value}}\nchora_service:\n`).id
  assert.equal(id('42'), '42')
  assert.equal(id('a/b c'), 'a/b c')
  assert.equal(id('true'), 'True')
  for (const bad of ['"a\\nb"', '"\\0"', '"\\ud800"', '[a]', `"${'x'.repeat(1025)}"`]) {
    assert.match(problemOf(`metadata: {dc_identifier: ${bad}}\nchora_service:\n`), /^Error processing /, bad)
  }
})

test('what the original said of a file it refused', () => {
  const table: readonly (readonly [text: string | Uint8Array, problem: string | RegExp])[] = [
    ['', 'Invalid manifest (missing metadata): chora.x.yaml'],
    ['{}', 'Invalid manifest (missing metadata): chora.x.yaml'],
    ['a: 1', 'Invalid manifest (missing metadata): chora.x.yaml'],
    ['[a]', 'Invalid manifest (missing metadata): chora.x.yaml'],
    ['[metadata]', "Error processing chora.x.yaml: 'list' object has no attribute 'get'"],
    ['has metadata in it', "Error processing chora.x.yaml: 'str' object has no attribute 'get'"],
    ['12', "Error processing chora.x.yaml: argument of type 'int' is not iterable"],
    ['metadata:', "Error processing chora.x.yaml: 'NoneType' object has no attribute 'get'"],
    ['metadata: [a]', "Error processing chora.x.yaml: 'list' object has no attribute 'get'"],
    ['metadata: {}', 'Missing dc_identifier: chora.x.yaml'],
    ['metadata: {dc_identifier: 0}', 'Missing dc_identifier: chora.x.yaml'],
    ['metadata: {dc_identifier: x}', 'Unknown capability type: chora.x.yaml'],
    ['a: [', /^Failed to parse chora\.x\.yaml: .+\n {2}in "chora\.x\.yaml", line /],
    ['a:\n\tb: 1', /^Failed to parse chora\.x\.yaml: /],
    ['a: 1\n---\nb: 1', /^Failed to parse chora\.x\.yaml: expected a single document/],
    ['a: !!python/name:os.system', /^Failed to parse chora\.x\.yaml: could not determine a constructor/],
    [Buffer.from([0x61, 0x3a, 0x20, 0xe9]), /^Error processing chora\.x\.yaml: not UTF-8/],
    [
      'metadata: {dc_identifier: x, dc_date: 2025-11-15}\nchora_service:',
      'Failed to sync x to etcd: Object of type date is not JSON serializable',
    ],
    [
      'metadata: {dc_identifier: x, dc_date: }\nchora_service:',
      "Failed to sync x to etcd: 'NoneType' object has no attribute 'encode'",
    ],
    [
      'metadata: &m {dc_identifier: x, me: *m}\nchora_service:',
      'Failed to sync x to etcd: Circular reference detected',
    ],
    [
      'metadata: {dc_identifier: x}\nchora_service:\ndc_relation:',
      "Error processing chora.x.yaml: 'NoneType' object has no attribute 'get'",
    ],
  ]
  for (const [text, problem] of table) {
    const told = problemOf(text, original)
    if (typeof problem === 'string') assert.equal(told, problem)
    else assert.match(told, problem)
  }
})

test('a byte-order mark and line ends of Windows change nothing', () => {
  assert.deepEqual(read(`\ufeff${minimal.replaceAll('\n', '\r\n')}`), read(minimal))
})

const fixtures = join(import.meta.dirname, '../../../../../shared/fixtures/capabilities')
const skip = existsSync(fixtures) ? false : `${fixtures} is not here`

test('the real manifests: with compat 180 values as the original wrote them, else all 48', { skip }, () => {
  const golden = JSON.parse(readFileSync(join(fixtures, 'etcd-golden.json'), 'utf8')) as Record<string, string>
  const folder = join(fixtures, 'manifests')
  const files = readdirSync(folder).filter((name) => /^chora\..*\.yaml$/.test(name))
  const values: Record<string, string> = {}
  for (const file of files) {
    const bytes = readFileSync(join(folder, file))
    assert.equal(readManifest(bytes, file, standard).id, file.replace('.yaml', ''))
    try {
      const capability = readManifest(bytes, file, original)
      for (const facet of facets) values[`/chora/capabilities/${capability.id}/${facet}`] = capability[facet]
    } catch (thrown) {
      assert.equal((thrown as ManifestError).kind, 'no-type')
    }
  }
  assert.equal(files.length, 48)
  assert.deepEqual(values, golden)
})
