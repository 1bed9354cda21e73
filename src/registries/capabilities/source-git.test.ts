import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { skipWithout } from '../../../tests/parts/find.ts'
import { gitOrigin, type FileContent, type GitOrigin } from '../../../tests/parts/git-remote.ts'
import { createGitRepository } from '../../connectors/git/repository.ts'
import { root } from '../../engine/scope.ts'
import type { Ask, Entry, Same } from '../../engine/source.ts'
import { sourceContract } from '../../engine/testing/source-contract.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Capability } from './model.ts'
import { createGitSource, type GitSourceOptions } from './source-git.ts'

const signal = new AbortController().signal
const manifest = (id: string, version = '1.0.0') =>
  `metadata: {dc_identifier: ${id}, dc_hasVersion: ${version}}\nchora_service:\n`

interface Place extends Disposable {
  readonly origin: GitOrigin
  readonly files: Map<string, FileContent>
  commit(): string
  source(more?: Partial<GitSourceOptions>): ReturnType<typeof createGitSource>
}

function place(ids: readonly string[] = [], path = 'caps'): Place {
  const origin = gitOrigin()
  const folder = mkdtempSync(join(tmpdir(), 'regista-git-source-'))
  const files = new Map<string, FileContent>([
    ['README.md', 'x'],
    ...ids.map((id): [string, string] => [`${path}/${id}.yaml`, manifest(id)]),
  ])
  const rules = { compat: false, versionSource: 'semver' } as const
  return {
    origin,
    files,
    commit: () => origin.commit(files),
    source(more = {}) {
      const remote = { url: origin.url, ref: 'main' }
      const repository = createGitRepository({
        remote,
        folder: join(folder, 'copy'),
        clock: systemClock,
        env: process.env,
      })
      return createGitSource({ repository, path, glob: 'chora.*.yaml', rules, ...more })
    },
    [Symbol.dispose]() {
      origin[Symbol.dispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type Known = Awaited<ReturnType<Ask['known']>>

async function look(source: ReturnType<typeof createGitSource>, mark?: string, known?: Known) {
  const asked = () => (known ? Promise.resolve(known) : assert.fail('it asks what is known'))
  const seen = await source.look({ scope: root, known: asked, ...(mark && { mark }) }, signal)
  assert.equal(seen.saw, 'complete', JSON.stringify(seen))
  const complete = seen as Extract<typeof seen, { saw: 'complete' }>
  const items = [...(complete.items as Iterable<Entry<Capability> | Same>)]
  return { items, keys: items.map(({ key }) => key), troubles: complete.troubles ?? [], mark: complete.mark! }
}

const knownOf = (items: readonly (Entry<Capability> | Same)[], path = 'caps'): Known =>
  new Map(items.map(({ key, stamp }) => [key, { stamp: stamp ?? null, origin: `${path}/${key}.yaml` }]))
const nothing: Known = new Map()

if (skipWithout('git') === false) {
  sourceContract('folder of a Git repository', async () => {
    const at = place(['chora.a.one', 'chora.a.two', 'chora.b.three'])
    at.commit()
    let edits = 0
    const file = (key: string) => `caps/${key}.yaml`
    const change = (act: () => void) => {
      act()
      at.commit()
      return Promise.resolve()
    }
    return {
      source: at.source(),
      scope: root,
      add: () =>
        change(() => at.files.set(file('chora.c.added'), manifest('chora.c.added'))).then(() => 'chora.c.added'),
      edit: (key) => change(() => at.files.set(file(key), manifest(key, `2.0.${++edits}`))),
      remove: (key) => change(() => at.files.delete(file(key))),
      spoil: (key) => change(() => at.files.set(file(key), 'metadata: [\n')),
      breakDown() {
        at.origin.git('branch', '-m', 'main', 'away')
        return Promise.resolve(() => Promise.resolve(void at.origin.git('branch', '-m', 'away', 'main')))
      },
      close: () => Promise.resolve(at[Symbol.dispose]()),
    }
  })
}

describe('a folder of a Git repository', { skip: skipWithout('git'), timeout: 60_000 }, () => {
  test('the commit is noted, is no part of what is compared, and vouches for what is gone', async () => {
    using at = place(['chora.a.one', 'chora.a.two'])
    const first = at.commit()
    const source = at.source()
    assert.equal(source.absence, 'vouched')
    const seen = await look(source, undefined, nothing)
    const note = { commit: first, ref: 'main', committedAt: '2023-11-14T22:13:20.000Z' }
    assert.deepEqual(
      seen.items.map((item) => 'note' in item && item.note),
      [note, note],
    )
    assert.deepEqual(await source.look({ scope: root, mark: seen.mark, known: () => assert.fail() }, signal), {
      saw: 'unchanged',
    })

    // Elsewhere in the repository: every manifest is as it was, and none is read.
    at.files.set('README.md', 'y')
    at.commit()
    const second = await look(source, seen.mark, knownOf(seen.items))
    assert.ok(second.items.every((item) => !('digest' in item)))
    assert.notEqual(second.mark, seen.mark)
    at.files.set('caps/chora.a.two.yaml', manifest('chora.a.two', '2.0.0'))
    const third = at.commit()
    const { items } = await look(source, second.mark, knownOf(seen.items))
    assert.deepEqual(
      items.map((item) => ('note' in item ? (item.note as { commit: string }).commit : null)),
      [null, third],
    )
    // Without what is known, the same digests come from another commit.
    const fresh = await look(source, undefined, nothing)
    assert.equal((fresh.items[0] as Entry<Capability>).digest, (seen.items[0] as Entry<Capability>).digest)
  })

  test('what is no manifest that can be read is a trouble that names it, and costs no other', async () => {
    using at = place(['chora.good.one'], 'deep/er')
    const under = (name: string, content: FileContent) => at.files.set(`deep/er/chora.${name}.yaml`, content)
    under('link', { mode: '120000', text: 'chora.good.one.yaml' })
    under('module', { mode: '160000', text: '1'.repeat(40) })
    under('lfs', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n')
    under('huge', Buffer.alloc(2_000_000, 0x20))
    under('latin', Buffer.from([0x61, 0x3a, 0xe9]))
    under('syntax', 'metadata: [\n')
    under('new\nline', 'x: [\n')
    at.files.set('deep/er/chora.folder.yaml/x', '')
    under('same.1', manifest('chora.twin'))
    under('same.2', manifest('chora.twin'))
    at.commit()
    const { keys, troubles } = await look(at.source(), undefined, nothing)
    assert.deepEqual(keys, ['chora.good.one'])
    const names = ['link', 'module', 'lfs', 'huge', 'latin', 'syntax', 'new\nline', 'folder']
    for (const name of names) {
      const own = troubles.filter((trouble) => 'origin' in trouble && trouble.origin === `deep/er/chora.${name}.yaml`)
      assert.equal(own.length, 1, name)
      assert.ok(own[0]!.detail!.includes(`chora.${name.replace('\n', '\\n')}.yaml`))
    }
    const twin = troubles.find((trouble) => 'key' in trouble && trouble.key === 'chora.twin')
    assert.match(twin!.detail!, /deep\/er\/chora\.same\.1\.yaml, deep\/er\/chora\.same\.2\.yaml/)
    assert.equal(troubles.length, names.length + 1)
  })

  test('a folder that the commit has not is not seen; a top without manifests is seen whole', async () => {
    using at = place(['chora.a.one'])
    at.commit()
    for (const path of ['missing', 'README.md']) {
      const seen = await at.source({ path }).look({ scope: root, known: () => Promise.resolve(nothing) }, signal)
      assert.equal(seen.saw, 'unavailable')
      assert.match(
        ('detail' in seen && seen.detail) || '',
        new RegExp(`^Capabilities directory not found: ${path} at main \\([0-9a-f]{12}\\)$`),
      )
    }
    assert.deepEqual((await look(at.source({ path: '' }), undefined, nothing)).keys, [])
    at.files.clear()
    at.commit()
    assert.deepEqual((await look(at.source({ path: '' }), undefined, nothing)).keys, [])
  })
})
