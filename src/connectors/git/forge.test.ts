import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { skipWithout } from '../../../tests/parts/find.ts'
import { gitOrigin, serveGit, type GitOrigin } from '../../../tests/parts/git-remote.ts'
import type { Forge } from '../forge/forge.ts'
import { draft, forgeAt, textAt, troubleOf } from './testing/forged.ts'
import { files, never, scratch } from './testing/opened.ts'

/** From nothing to a branch, changed twice, and away again. */
async function wholePath(forge: Forge, origin: GitOrigin): Promise<void> {
  const base = origin.git('rev-parse', 'main')
  assert.equal(await forge.head('main', never), base)
  assert.equal(await forge.head('bot/work', never), null)
  const first = await forge.commit(draft(base, { 'a.yaml': 'one' }), never)
  assert.equal(await forge.head('bot/work', never), null)
  assert.equal(await forge.move('bot/work', first, null, never), 'moved')
  assert.equal(await forge.move('bot/work', first, null, never), 'moved')
  assert.equal(origin.git('rev-parse', 'bot/work'), first)
  const second = await forge.commit(draft(base, { 'a.yaml': 'two' }), never)
  assert.equal(await forge.move('bot/work', second, null, never), 'elsewhere')
  assert.equal(await forge.move('bot/work', second, base, never), 'elsewhere')
  assert.equal(await forge.move('bot/work', second, first, never), 'moved')
  assert.equal(origin.git('show', 'bot/work:a.yaml'), 'two')
  assert.deepEqual(await forge.branches('bot/', never), new Map([['bot/work', second]]))
  assert.equal(await textAt(forge, second, 'a.yaml'), 'two')
  assert.equal(await forge.remove('bot/work', first, never), 'elsewhere')
  assert.equal(await forge.remove('bot/work', second, never), 'removed')
  assert.equal(await forge.remove('bot/work', second, never), 'removed')
  assert.deepEqual(await forge.branches('bot/', never), new Map())
}

describe('plain Git as a forge', { skip: skipWithout('git'), timeout: 120_000 }, () => {
  test('a folder, file://, http with a password, ssh: a branch is made, moved and removed', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.commit(files({ 'a.yaml': 'none', 'b/c.yaml': 'c' }))
    await wholePath(forgeAt(origin.folder, place.folder), origin)
    await wholePath(forgeAt(origin.url, place.folder), origin)
    origin.git('config', 'http.receivepack', 'true')
    const login = { username: 'me', password: 'geheim-und-lang' }
    await using server = await serveGit(origin, login)
    const overHttp = forgeAt(server.url, place.folder, { remote: { login } })
    assert.equal(overHttp.name, `${server.base.slice('http://'.length)}/origin`)
    await wholePath(overHttp, origin)
    const bin = join(place.folder, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'ssh'), '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n', { mode: 0o755 })
    const env = { PATH: `${bin}:${process.env['PATH']}` }
    const overSsh = forgeAt(`me@host.example:${origin.folder}`, place.folder, { env })
    assert.equal(overSsh.name, `host.example${origin.folder.slice(0, -'.git'.length)}`)
    await wholePath(overSsh, origin)
  })

  test('a commit changes what it names and nothing else: links, programs, submodules, odd names', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const forge = forgeAt(origin.folder, place.folder, { committer: { name: 'Bot <x>', email: 'bot@x' } })
    const odd = 'näme "with" \\ and\nline'
    const base = origin.commit(files({ 'a': '1', 'd/b': '2', [odd]: '3', 'link': { mode: '120000', text: 'a' } }))
    const module = { mode: '160000', text: base } as const
    const before = origin.commit(
      files({ 'a': '1', 'd/b': '2', 'd/c': 'c', [odd]: '3', 'link': { mode: '120000', text: 'a' }, 'sub': module }),
    )
    assert.deepEqual(await forge.read(before, 'd', never), { is: 'folder' })
    assert.deepEqual(await forge.read(before, 'link', never), { is: 'link' })
    assert.deepEqual(await forge.read(before, 'sub', never), { is: 'submodule' })
    for (const path of ['none', 'a/b', 'link/x', 'd/', 'A'].filter((each) => !each.endsWith('/')))
      assert.deepEqual(await forge.read(before, path, never), { is: 'missing' }, path)
    const bytes = Buffer.from([0, 0xff, 0x0a, 0x0d, 0x0a])
    const made = await forge.commit(
      {
        parent: before,
        message: 'say: "it"\n\nwith a body',
        files: new Map<string, Buffer | null>([
          [odd, bytes],
          ['new/er', Buffer.from('')],
          ['d/b', null],
          ['gone/already', null],
        ]),
        author: { name: 'A. U. Thor', email: 'a@u' },
      },
      never,
    )
    await forge.move('x', made, null, never)
    const listed = origin.git('-c', 'core.quotePath=false', 'ls-tree', '-r', '-z', 'x').split('\0').filter(Boolean)
    const was = origin.git('-c', 'core.quotePath=false', 'ls-tree', '-r', '-z', 'main').split('\0').filter(Boolean)
    const changed = (line: string) => [odd, 'new/er', 'd/b'].some((path) => line.endsWith(`\t${path}`))
    assert.deepEqual(
      listed.filter((line) => !changed(line)),
      was.filter((line) => !changed(line)),
    )
    assert.equal(listed.length, was.length)
    assert.deepEqual(await forge.read(made, odd, never), {
      is: 'file',
      bytes,
      blob: origin.git('rev-parse', `x:${odd}`),
    })
    assert.equal(
      origin.git('log', '-1', '--format=%an|%ae|%cn|%ce|%P|%B', 'x'),
      `A. U. Thor|a@u|Bot  x|bot@x|${before}|say: "it"\n\nwith a body`,
    )
    for (const path of ['link', 'sub', 'd', 'a/b', 'link/x', '', '../x', '/a', 'd//b', '.git/config', 'd/.GIT/x']) {
      const { code, why } = await troubleOf(forge.commit(draft(before, { [path]: 'x' }), never))
      assert.deepEqual([code, why], ['target.refused', 'invalid'], path)
    }
    const program = origin.commit(files({ 'run.sh': { mode: '100755', text: 'old' } }))
    await forge.move('y', await forge.commit(draft(program, { 'run.sh': 'new' }), never), null, never)
    assert.match(origin.git('ls-tree', 'y', 'run.sh'), /^100755 /)
  })

  test('tells whether a base went on from where it was, or was moved back or aside', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.git('config', 'http.receivepack', 'true')
    await using server = await serveGit(origin)
    const ids = Array.from({ length: 30 }, (_, at) => origin.commit(files({ a: String(at) })))
    const aside = origin.commit(files({ a: 'aside' }), { branch: 'aside' })
    for (const url of [origin.url, server.url]) {
      const forge = forgeAt(url, place.folder)
      const follows = (commit: string, earlier: string) => forge.follows!(commit, earlier, never)
      const made = await forge.commit(draft(ids[3]!, { a: 'ours' }), never)
      assert.equal(await follows(ids[3]!, ids[3]!), true)
      assert.equal(await follows(ids[4]!, ids[3]!), true)
      assert.equal(await follows(ids[29]!, ids[3]!), true)
      assert.equal(await textAt(forge, ids[20]!, 'a'), '20')
      assert.equal(await follows(ids[19]!, ids[20]!), false)
      assert.equal(await follows(aside, ids[20]!), false)
      assert.equal(await follows(ids[29]!, aside), false)
      assert.equal(await forge.move('ours', made, await forge.head('ours', never), never), 'moved')
    }
  })

  test('no repository, no right, no such name: said at once, with what to do', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const base = origin.commit(files({ a: '1' }))
    const nowhere = forgeAt(join(place.folder, 'nothing.git'), place.folder)
    assert.equal((await troubleOf(nowhere.head('main', never))).code, 'target.refused')
    await using server = await serveGit(origin)
    const open = forgeAt(server.url, place.folder)
    const made = await open.commit(draft(base, { a: '2' }), never)
    const { code, why, detail } = await troubleOf(open.move('x', made, null, never))
    assert.deepEqual([code, why], ['target.refused', 'forbidden'])
    assert.match(detail, /the right to push|credentials/)
    for (const name of ['', '-x', 'a..b', 'a b', 'a/', '/a', 'a//b', '.a', 'a/.b', 'a.lock', 'a@{b', 'a~1', 'a:b', '@'])
      assert.equal((await troubleOf(open.head(name, never))).code, 'target.refused', name)
    assert.equal((await troubleOf(open.read('f'.repeat(40), 'a', never))).code, 'target.refused')
    assert.equal(await textAt(open, base, 'a'), '1')
  })
})
