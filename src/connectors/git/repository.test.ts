import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { makeCertificates } from '../../../tests/parts/certificates.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { gitOrigin, serveGit, type FileContent } from '../../../tests/parts/git-remote.ts'
import { freePorts } from '../../../tests/parts/ports.ts'
import { systemClock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createGitRepository, type CommitView, type GitOptions } from './repository.ts'

const never = new AbortController().signal
const files = (given: Record<string, FileContent>) => new Map(Object.entries(given))

function scratch(): { folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'regista-git-'))
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

function open(
  url: string,
  folder: string,
  more: Partial<GitOptions['remote']> = {},
  options: Partial<GitOptions> = {},
) {
  const remote = { url, ref: null, ...more }
  const repository = createGitRepository({
    remote,
    folder: join(folder, 'copy'),
    clock: systemClock,
    env: process.env,
    ...options,
  })
  const read = async <T>(work: (view: CommitView) => Promise<T>, signal = never) =>
    (await repository.read({ known: () => false, work }, signal))!
  return {
    ...repository,
    /** Name → content of a folder. */
    contents: (path = '') =>
      read(async (view) => {
        const items = (await view.tree(path)) ?? assert.fail(`no folder ${path}`)
        const texts = new Map<string, string>()
        const blobs = items.filter(({ kind }) => kind === 'file')
        await view.blobs(
          blobs.map(({ id }) => id),
          (id, bytes) => void texts.set(id, bytes.toString()),
        )
        return Object.fromEntries(blobs.map(({ name, id }) => [name, texts.get(id)]))
      }),
    view: (signal?: AbortSignal) => read((view) => Promise.resolve(view), signal),
  }
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  const thrown: unknown = await work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof AppError, String(thrown))
  assert.equal(thrown.code, 'source.unavailable')
  return thrown.detail
}

/** Every process with the text in its command line. */
function processes(text: string): { pid: number; line: string }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return line.includes(text) ? [{ pid: Number(pid), line }] : []
    } catch {
      return []
    }
  })
}

const processesWith = (text: string) => processes(text).map(({ line }) => line)

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

  test('over HTTP and HTTPS with a password that nobody sees', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.commit(files({ a: '1' }))
    const password = 'geheim-und-lang'
    const certificates = makeCertificates(join(place.folder, 'tls'))
    const told: string[] = []
    const before = () => (
      told.push(...processesWith(password), ...processesWith(Buffer.from(`me:${password}`).toString('base64'))),
      false
    )
    for (const tls of [undefined, certificates.server]) {
      await using server = await serveGit(origin, { username: 'me', password, before, ...(tls && { tls }) })
      const ca = tls && { ca: certificates.ca }
      const login = { username: 'me', password }
      assert.deepEqual(await open(server.url, place.folder, { login, ...ca }).contents(), { a: '1' })
      for (const [more, expected] of [
        [{ login: { username: 'me', password: `${password}x` } }, /refuses the credentials; look at the token/],
        [{}, /asks for credentials; give a token/],
      ] as const) {
        const detail = await failureOf(open(server.url, place.folder, { ...more, ...ca }).view())
        assert.match(detail, expected)
        assert.ok(!detail.includes(password))
      }
      const elsewhere = `${server.base}/nothing.git`
      assert.match(await failureOf(open(elsewhere, place.folder, { login, ...ca }).view()), /no repository is there/)
      if (tls)
        assert.match(
          await failureOf(open(server.url, place.folder, { login }).view()),
          /cannot be verified; name the PEM/,
        )
      assert.ok(server.requests.length > 4)
    }
    assert.deepEqual(told, [])
    // grep says 1 where nothing has it.
    assert.equal(spawnSync('grep', ['-rqF', '-e', password, join(place.folder, 'copy')]).status, 1)
  })

  test('nobody there, no git there, an old git, a kind of url that runs programs', async () => {
    using place = scratch()
    const [port] = await freePorts(1)
    assert.match(
      await failureOf(open(`http://127.0.0.1:${port}/x.git`, place.folder).view()),
      /does not answer as it should/,
    )
    assert.match(await failureOf(open('file:///nowhere/at/all', place.folder).view()), /no repository is there/)
    assert.match(await failureOf(open('ssh://-oProxyCommand=touch/x', place.folder).view()), /./)
    for (const url of ['ext::sh -c "touch pwned"', '--upload-pack=touch', 'fd::17']) {
      assert.match(await failureOf(open(url, place.folder).view()), /./)
    }
    const program = join(place.folder, 'git')
    assert.match(await failureOf(open('file:///x', place.folder, {}, { program }).view()), /install the package git/)
    writeFileSync(program, '#!/bin/sh\necho git version 2.30.2\n', { mode: 0o755 })
    assert.match(await failureOf(open('file:///x', place.folder, {}, { program }).view()), /2\.30\.2 is too old: 2\.31/)
    writeFileSync(join(place.folder, 'copy-file'), '')
    const detail = await failureOf(open('file:///x', join(place.folder, 'copy-file')).view())
    assert.match(detail, /the folder .*copy-file.* cannot be made/)
  })

  test('credentials do not follow a redirection', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.commit(files({ a: '1' }))
    const seen: (string | undefined)[] = []
    await using target = await serveGit(origin, { before: ({ headers }) => (seen.push(headers.authorization), false) })
    await using server = await serveGit(origin, {
      before: ({ url }, response) => {
        response.writeHead(301, { location: `${target.base}${url}` }).end()
        return true
      },
    })
    assert.deepEqual(await open(server.url, place.folder).contents(), { a: '1' })
    const asked = seen.length
    const login = { username: 'me', password: 'geheim' }
    assert.match(
      await failureOf(open(server.url, place.folder, { login }).view()),
      /elsewhere, where credentials are not taken/,
    )
    assert.equal(seen.length, asked)
    assert.ok(asked > 0 && seen.every((each) => each === undefined))
  })

  test('a server that hangs is left at the deadline, or at once when asked; nothing keeps running', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.commit(files({ a: '1' }))
    const reached = { list: Promise.withResolvers<void>(), pack: Promise.withResolvers<void>() }
    let hang: 'list' | 'pack' | null = 'list'
    await using server = await serveGit(origin, {
      before: ({ method, url }, response) => {
        if (hang === 'pack' && method === 'POST' && ++posts === 3) {
          response
            .writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' })
            .write('0011shallow-info\n')
          reached.pack.resolve()
          return true
        }
        if (hang !== 'list') return false
        reached.list.resolve()
        return url !== ''
      },
    })
    let posts = 0
    const left = () => processesWith(server.url)
    assert.match(
      await failureOf(open(server.url, place.folder, {}, { timeout: 300 }).view()),
      /no answer in time from git ls-remote \(300 ms\)/,
    )
    assert.deepEqual(left(), [])

    // Each with a commit that is not here yet.
    for (const [point, end] of [
      ['list', 'abort'],
      ['pack', 'abort'],
      ['pack', 'kill'],
    ] as const) {
      origin.commit(files({ a: `${point} ${end}` }))
      hang = point
      posts = 0
      reached[point] = Promise.withResolvers()
      const controller = new AbortController()
      const repository = open(server.url, place.folder)
      const work = repository.view(controller.signal)
      await reached[point].promise
      assert.ok(left().length > 0)
      if (end === 'abort') {
        const why = new AppError('aborted', 'enough')
        const began = performance.now()
        controller.abort(why)
        await assert.rejects(work, why)
        assert.ok(performance.now() - began < 5000)
        assert.deepEqual(left(), [])
      } else {
        hang = null
        for (const { pid } of processes(server.url)) process.kill(pid, 'SIGKILL')
        assert.equal((await work).ref, 'main')
      }
      hang = null
      assert.deepEqual(await repository.contents(), { a: `${point} ${end}` })
    }
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
