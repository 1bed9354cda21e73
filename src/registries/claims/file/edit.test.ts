import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimFields } from './claim.ts'
import { readRegistryFile } from './registry-file.ts'

/** The claims with this name set so, the others left alone. */
function edited(text: string, set: ClaimFields | 'remove', name = 'x'): string {
  const file = readRegistryFile(Buffer.from(text))
  const claims = file.claims.filter((claim) => claim.name === name)
  assert.ok(claims.length > 0)
  return file.edit(claims.map((claim) => (set === 'remove' ? { claim, remove: true } : { claim, set }))).toString()
}

const message = (statusMessage: string) => ({ statusMessage })

test('a value is replaced where it stands, in the quotes it had', () => {
  const cases: [before: string, after: string][] = [
    ['old', 'new'],
    ['"old"  # note', '"new"  # note'],
    ["'it''s'", "'new'"],
    ['~', 'new'],
    ['!!str old', '!!str new'],
    ['&alone old', '&alone new'],
    ['old\n      and more', 'new'],
    ['"old\n      and more" # note', '"new" # note'],
    ['\n      old', '\n      new'],
    ['|- # note\n      old\n\n      more\n\n', 'new # note\n\n'],
    ['>2+\n      old', 'new'],
    ['|\n      old\u00a0\n\n', 'new\n\n'],
    ['| # \u2028 note\n      old', 'new # \u2028 note'],
    ['|', 'new'],
  ]
  for (const [before, after] of cases) {
    const file = (value: string) => `a:\n  - name: x\n    statusMessage: ${value}\n    owner: me\n`
    assert.equal(edited(file(before), message('new')), file(after))
  }
  assert.equal(
    edited('a:\n- name: x\n  statusMessage: # none yet\n  owner: me\n', message('new')),
    'a:\n- name: x\n  statusMessage: new # none yet\n  owner: me\n',
  )
  assert.equal(edited('a: [{name: x, statusMessage: old}]', message('a, b')), "a: [{name: x, statusMessage: 'a, b'}]")
})

test('a missing field follows the last that stands on a line of its own, with its indentation', () => {
  const set = { lastCheckedAt: 'then', statusMessage: 'new' }
  assert.equal(
    edited('a:\n    -   name: x # first\n        labels:\n            b: c\n', set),
    'a:\n    -   name: x # first\n        statusMessage: new\n        lastCheckedAt: then\n        labels:\n            b: c\n',
  )
  assert.equal(
    edited('a:\r\n-\r\n  name: x', set),
    'a:\r\n-\r\n  name: x\r\n  statusMessage: new\r\n  lastCheckedAt: then',
  )
  assert.equal(edited('a: [{ name: x }]\n', set), 'a: [{ name: x, statusMessage: new, lastCheckedAt: then }]\n')
  assert.equal(
    edited('{"a":[{"name":"x","tags":[1]}]}', set),
    '{"a":[{"name":"x", "statusMessage": "new", "lastCheckedAt": "then","tags":[1]}]}',
  )
})

test('everything else stays: comments, documents, anchors, byte-order mark, what is no entry', () => {
  const text = `\ufeff# head\n%YAML 1.1\n---\n# a: b\ndev: # claims\n- junk\n- name: y\n  namespace: &ns default\n\n\t# tab\n-   {name: x, namespace: *ns, statusMessage: old} # x\nprod:\nempty: []\n...\n---\nother: [document]\n`
  assert.equal(edited(text, message('new')), text.replace('old', 'new'))
})

test('an alias gives way to the text, and what it stood for stays', () => {
  assert.equal(
    edited('a:\n- name: y\n  owner: &o me\n- name: x\n  statusMessage: *o\n', message('new')),
    'a:\n- name: y\n  owner: &o me\n- name: x\n  statusMessage: new\n',
  )
  const defaults = 'kind: ClaimRegistry\nall: &d\n  statusMessage: old\nclaims:\n- <<: *d\n  name: x\n'
  assert.equal(readRegistryFile(Buffer.from(defaults)).claims[0]!.statusMessage, 'old')
  assert.equal(edited(defaults, message('new')), `${defaults}  statusMessage: new\n`)
})

test('merges of merges end, however many there are', () => {
  const levels = Array.from(
    { length: 30 },
    (_, level) => `l${level}: &l${level} {<<: [${`*l${level - 1}, `.repeat(9)}]}`,
  )
  const text = `kind: ClaimRegistry\n${levels.join('\n').replace('*l-1, '.repeat(9), '')}\nclaims:\n- {<<: *l29, name: x}\n`
  assert.equal(readRegistryFile(Buffer.from(text)).claims[0]!.claimRef, null)
  assert.equal(edited(text, message('new')), text.replace('name: x}', 'name: x, statusMessage: new}'))
})

test('what cannot be changed alone says why, and is refused', () => {
  const cases: [text: string, why: RegExp][] = [
    ['a:\n- &e {name: x}\n- *e\n', /line 2: .*shared by an alias/],
    ['a: &l\n- name: x\nb: *l\n', /line 2: .*its list is shared/],
    ['a:\n- name: x\n  statusMessage: &m old\n  owner: *m\n', /line 2: .*its statusMessage is shared/],
    ['a:\n- name: x\n  owner: me\n  owner: you\n', /line 2: .*its field owner is there twice/],
    ['a:\n- name: x\n  statusMessage: [old]\n', /line 2: .*its statusMessage is no text/],
    ['a:\n- name: x\n  statusMessage: !!binary b2xk\n', /line 2: .*has the tag !!binary/],
    ['a:\n- ? name\n  : x\n', /line 2: .*no field of it stands on a line of its own/],
    ['a: [name: x]\n', /line 1: .*no field of it stands on a line of its own/],
  ]
  for (const [text, why] of cases) {
    const file = readRegistryFile(Buffer.from(text))
    assert.notEqual(file.claims[0]!.locked.set, null)
    assert.throws(() => file.edit([{ claim: file.claims[0]!, set: message('new') }]), why)
  }
})

test('entries are taken out with the lines that are theirs', () => {
  const list = (...entries: string[]) => `a: # list\n  # of x\n${entries.join('')}# end\nb: []\n`
  const x = '  - name: x\n    # inside\n    labels: {c: [d]} # x\n'
  const y = '  - name: y\n\n'
  assert.equal(edited(list(y, x, y), 'remove'), list(y, y))
  assert.equal(edited(list(x, y), 'remove'), list(y))
  assert.equal(edited(list(x, x), 'remove'), 'a: [] # list\n  # of x\n# end\nb: []\n')
  assert.equal(edited('a:\n- name: y\n- # why\n  name: x', 'remove'), 'a:\n- name: y\n')
  assert.equal(edited('a: [{name: x}, {name: y}, {name: x}]', 'remove'), 'a: [{name: y}]')
  assert.equal(edited('a: [ {name: x}, ]', 'remove'), 'a: [  ]')
  const anchored = readRegistryFile(Buffer.from('a:\n- name: x\n  owner: &o me\n- name: y\n  owner: *o\n'))
  assert.throws(() => anchored.edit([{ claim: anchored.claims[0]!, remove: true }]), /something in it is shared/)
})

test('nothing to change: the very bytes', () => {
  const bytes = Buffer.from('a:\n- {name: x, statusMessage: same}\n')
  const file = readRegistryFile(bytes)
  assert.equal(file.edit([]), bytes)
  assert.equal(file.edit([{ claim: file.claims[0]!, set: message('same') }]), bytes)
})

test('brackets that close further left than the standard has it', () => {
  assert.equal(
    edited('a: [\n  {name: x},\n]\nb: [\n]\n', message('new')),
    'a: [\n  {name: x, statusMessage: new},\n]\nb: [\n]\n',
  )
  const text = 'a:\n  - {\n    name: y\n  }\n  - {\n    name: x,\n    statusMessage: old\n  }\n'
  assert.equal(edited(text, message('new')), text.replace('old', 'new'))
})

test('files that are no registry are refused with the line and what to do', () => {
  const cases: [text: string | Buffer, why: RegExp][] = [
    ['a: [\n', /line \d: .*correct it/],
    ['a:\n- name: x\n\tb: c\n', /line 3: tab.*correct it/],
    ['a: *nowhere\n', /line 1: /],
    ['- name: x\n', /line 1: neither clusters nor a ClaimRegistry; a registry maps/],
    ['text\n', /line 1: neither/],
    ['# c\na: []\na: []\n', /line 3: "a" is there twice/],
    ['a: []\nb: {c: d}\n', /line 2: "b" is no list/],
    ['apiVersion: v1\nkind: ConfigMap\ndata: {}\n', /line 2: "ConfigMap" is no kind of registry/],
    ['kind: ClaimRegistry\nclaims: {}\n', /line 2: "claims" is no list/],
    [Buffer.from('a:\n- name: \xe9\n', 'latin1'), /line 2: not UTF-8/],
    [Buffer.from('a: []\n', 'utf16le'), /line 1: /],
    ['a:\n- name: x\r  owner: me\n', /line 2: a carriage return .*end all lines/],
    [`a: ${'['.repeat(5000)}`, /line 1: /],
  ]
  for (const [text, why] of cases) {
    assert.throws(() => readRegistryFile(Buffer.from(text as string)), { code: 'source.invalid', message: why })
  }
})

test('files without claims', () => {
  for (const text of [
    '',
    '# only\n',
    '---\n',
    '---\n---\na:\n',
    'kind: ClaimRegistry\n',
    'kind: ClaimRegistry\nclaims:\n',
    'a: [junk, 1, [b]]\n',
  ]) {
    assert.deepEqual(readRegistryFile(Buffer.from(text)).claims, [])
  }
})

test('the first document that is a registry is the one', () => {
  const text = 'kind: Other\n---\na:\n- name: x\n---\nb:\n- name: x\n'
  assert.deepEqual(
    readRegistryFile(Buffer.from(text)).claims.map(({ cluster, line }) => [cluster, line]),
    [['a', 4]],
  )
})
