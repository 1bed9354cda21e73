import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { makeCertificates } from '../../../tests/parts/certificates.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { gitOrigin, serveGit } from '../../../tests/parts/git-remote.ts'
import { freePorts } from '../../../tests/parts/ports.ts'
import { AppError } from '../../kernel/errors.ts'
import { failureOf, files, open, processesWith, processes, scratch } from './testing/opened.ts'

describe('a Git repository elsewhere', { skip: skipWithout('git', 'openssl'), timeout: 120_000 }, () => {
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

  test('by ssh: the key and the known hosts that are given, and no question to anybody', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.commit(files({ a: '1' }))
    // Stands in for OpenSSH: writes down how it was called and runs here what is to be run there.
    const [called, bin] = [join(place.folder, 'called'), join(place.folder, 'bin')]
    mkdirSync(bin)
    const script = `#!/bin/sh\nprintf '%s\\n' "$@" > '${called}'\nfor last; do :; done\nexec sh -c "$last"\n`
    writeFileSync(join(bin, 'ssh'), script, { mode: 0o755 })
    const ssh = { key: "/keys/it's $HOME", knownHosts: '/keys/known hosts' }
    const env = { PATH: `${bin}:${process.env['PATH']}` }
    const repository = open(`me@host.example:${origin.folder}`, place.folder, { ssh }, { env })
    assert.deepEqual(await repository.contents(), { a: '1' })
    const told = readFileSync(called, 'utf8').trim().split('\n')
    for (const option of ['BatchMode=yes', 'StrictHostKeyChecking=yes', 'UserKnownHostsFile="/keys/known hosts"']) {
      assert.ok(told.includes(option), `${option}: ${told.join(' ')}`)
    }
    assert.deepEqual(told.slice(0, 4), ['-F', 'none', '-i', ssh.key])
    assert.ok(told.includes('me@host.example'))
    writeFileSync(join(bin, 'ssh'), '#!/bin/sh\necho Host key verification failed. >&2\nexit 255\n')
    assert.match(await failureOf(repository.view()), /the host key is not known or has changed; .*known_hosts/)
    writeFileSync(join(bin, 'ssh'), '#!/bin/sh\necho "me@host: Permission denied (publickey)." >&2\nexit 255\n')
    assert.match(await failureOf(repository.view()), /does not take the key/)
  })
})
