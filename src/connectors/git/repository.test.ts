import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { skipWithout } from '../../../tests/parts/find.ts'
import { gitOrigin } from '../../../tests/parts/git-remote.ts'
import { failureOf, files, never, open, scratch } from './testing/opened.ts'

describe('a Git repository', { skip: skipWithout('git', 'openssl'), timeout: 120_000 }, () => {
  test('branch, tag, annotated tag, commit, HEAD: the files of a folder, and when it was committed', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const first = origin.commit(files({ 'a.txt': 'one', 'below/b.txt': 'two' }), { at: 1_600_000_000 })
    origin.git('tag', 'light')
    origin.git('-c', 'user.name=x', '-c', 'user.email=x@y', 'tag', '-a', '-m', 'x', 'heavy')
    const second = origin.commit(files({ 'a.txt': 'three' }), { branch: 'other/branch', at: 1_600_000_100 })
    for (const [ref, commit, named] of [
      [null, first, 'main'],
      ['main', first, 'main'],
      ['light', first, 'light'],
      ['heavy', first, 'heavy'],
      ['refs/heads/other/branch', second, 'other/branch'],
      ['other/branch', second, 'other/branch'],
      [first, first, null],
    ] as const) {
      const { commit: seen, ref: seenRef, committedAt } = await open(origin.url, place.folder, { ref }).view()
      assert.deepEqual([seen, seenRef], [commit, named], String(ref))
      assert.equal(committedAt, commit === first ? 1_600_000_000_000 : 1_600_000_100_000)
    }
    const repository = open(origin.url, place.folder)
    assert.deepEqual(await repository.contents(), { 'a.txt': 'one' })
    assert.deepEqual(await repository.contents('below'), { 'b.txt': 'two' })
    const trees = await repository.read(
      {
        known: () => false,
        work: async ({ tree }) => [await tree('missing'), await tree('a.txt'), await tree('-x')],
      },
      never,
    )
    assert.deepEqual(trees, [null, null, null])
  })

  test('names as odd as they come, contents of every kind, and what is no file', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const odd = [
      '-rf',
      '--help',
      'with space',
      'líne\nbreak',
      'tab\there',
      '"quoted"',
      'star*',
      '\\back',
      "it's",
      ':(top)x',
    ]
    const given = Object.fromEntries(odd.map((name) => [name, `content of ${name}`]))
    const binary = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 256))
    origin.commit(
      files({
        ...given,
        'empty': '',
        binary,
        'link': { mode: '120000', text: 'with space' },
        'module': { mode: '160000', text: '1'.repeat(40) },
        'folder/x': 'x',
      }),
    )
    const repository = open(origin.url, place.folder)
    const contents = await repository.contents()
    assert.deepEqual(contents, { ...given, empty: '', binary: binary.toString() })
    const items = await repository.read({ known: () => false, work: (view) => view.tree('') }, never)
    const kindOf = (name: string) => items!.find((item) => item.name === name)?.kind
    assert.deepEqual(['link', 'module', 'folder'].map(kindOf), ['link', 'submodule', 'tree'])
    assert.equal(items!.find(({ name }) => name === 'binary')!.size, 70_000)
  })

  test('what is known is not fetched; a rewritten history, another url and a changed branch are', async () => {
    using origin = gitOrigin()
    using other = gitOrigin()
    using place = scratch()
    const first = origin.commit(files({ a: '1' }))
    other.commit(files({ a: 'other' }))
    const repository = open(origin.url, place.folder)
    assert.equal(await repository.read({ known: (commit) => commit === first, work: () => assert.fail() }, never), null)
    assert.deepEqual(await repository.contents(), { a: '1' })
    origin.commit(files({ a: '2' }), { rewrite: true })
    assert.deepEqual(await repository.contents(), { a: '2' })
    origin.git('update-ref', 'refs/heads/main', first)
    assert.deepEqual(await repository.contents(), { a: '1' })
    assert.deepEqual(await open(other.url, place.folder).contents(), { a: 'other' })
    origin.git('update-ref', '-d', 'refs/heads/main')
    assert.match(await failureOf(repository.view()), /has no HEAD/)
    assert.match(await failureOf(open(origin.url, place.folder, { ref: 'gone' }).view()), /no branch or tag gone$/)
    assert.match(await failureOf(open(origin.url, place.folder, { ref: '9'.repeat(40) }).view()), /look at ref/)
  })

  test('a copy that is broken, half made or full of locks is put right', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.commit(files({ a: '1', b: '2' }))
    const copy = (...parts: string[]) => join(place.folder, 'copy', ...parts)
    const packs = () => readdirSync(copy('objects/pack')).map((name) => copy('objects/pack', name))
    const damages: Record<string, () => void> = {
      'no HEAD': () => rmSync(copy('HEAD')),
      'not finished': () => rmSync(copy('regista-copy')),
      'cut pack': () =>
        packs()
          .filter((name) => name.endsWith('.pack'))
          .forEach((name) => (chmodSync(name, 0o600), truncateSync(name, 40))),
      'no packs': () => packs().forEach((name) => rmSync(name)),
      'spoilt config': () => writeFileSync(copy('config'), '[core\n'),
      'a file for a folder': () => (rmSync(copy('objects'), { recursive: true }), writeFileSync(copy('objects'), '')),
      'locks': () =>
        ['shallow.lock', 'HEAD.lock', 'config.lock', 'refs/regista/tip.lock'].forEach((name) =>
          writeFileSync(copy(name), ''),
        ),
      'left behind': () => writeFileSync(copy('objects/pack/tmp_pack_x'), 'x'.repeat(1000)),
    }
    let version = 2
    for (const [name, damage] of Object.entries(damages)) {
      const repository = open(origin.url, place.folder)
      await repository.contents()
      damage()
      assert.deepEqual(await repository.contents(), { a: '1', b: String(version) }, name)
      damage()
      origin.commit(files({ a: '1', b: String(++version) }))
      assert.deepEqual(await repository.contents(), { a: '1', b: String(version) }, `${name}, then a new commit`)
    }
    assert.equal(existsSync(copy('objects/pack/tmp_pack_x')), false)
  })

  test('the copy does not grow with the number of commits', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const many = (round: number) =>
      new Map(Array.from({ length: 50 }, (_, at) => [`${at}`, `${at === 0 ? round : 0} ${'text '.repeat(100)}`]))
    const sizes: number[] = []
    for (let round = 0; round < 40; round++) {
      origin.commit(many(round))
      const repository = open(origin.url, place.folder)
      assert.equal((await repository.contents())['0']!.split(' ')[0], String(round))
      sizes.push(Number(execFileSync('du', ['-sk', place.folder]).toString().split('\t')[0]))
    }
    const [early, late] = [Math.max(...sizes.slice(0, 20)), Math.max(...sizes.slice(20))]
    assert.ok(late < early * 1.3, sizes.join(' '))
    assert.equal(readFileSync(join(place.folder, 'copy/shallow'), 'utf8').trim().split('\n').length <= 17, true)
  })

  test('1,000 files, and one more commit', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const many = new Map(Array.from({ length: 1000 }, (_, at) => [`chora.x.${at}.yaml`, `content ${at}\n`.repeat(100)]))
    origin.commit(many)
    const repository = open(origin.url, place.folder)
    assert.deepEqual(await repository.contents(), Object.fromEntries(many))
    many.set('chora.x.7.yaml', 'changed')
    origin.commit(many)
    assert.equal((await repository.contents())['chora.x.7.yaml'], 'changed')
  })
})
