import assert from 'node:assert/strict'
import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { skipWithout } from '../../../tests/parts/find.ts'
import { gitOrigin, serveGit, type GitOrigin } from '../../../tests/parts/git-remote.ts'
import { systemClock } from '../../kernel/clock.ts'
import { draft, forgeAt, textAt, troubleOf } from './testing/forged.ts'
import { files, never, processesWith, scratch } from './testing/opened.ts'

/** The body of a hook; it runs in the repository. */
function hook(origin: GitOrigin, name: 'pre-receive' | 'update' | 'post-receive', script: string): void {
  const path = join(origin.folder, 'hooks', name)
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}

const isPush = ({ method, url }: IncomingMessage) => method === 'POST' && url!.endsWith('/git-receive-pack')

/** git does it, and its answer goes nowhere. */
function swallow(response: ServerResponse): void {
  response.writeHead = () => response
  response.write = () => true
  response.end = () => response.destroy()
}

describe('plain Git as a forge, when things go wrong', { skip: skipWithout('git'), timeout: 120_000 }, () => {
  test('of many who push from the same commit at once, one moves the branch and the others are told', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const base = origin.commit(files({ a: '0' }))
    const writers = [0, 1, 2, 3].map((at) => forgeAt(origin.folder, join(place.folder, String(at))))
    let from: string | null = null
    for (let round = 0; round < 4; round++) {
      const made = await Promise.all(
        writers.map((each, at) => each.commit(draft(base, { a: `${round} ${at}` }), never)),
      )
      const ends = await Promise.allSettled(writers.map((each, at) => each.move('bot', made[at]!, from, never)))
      const is = origin.git('rev-parse', 'bot')
      for (const [at, end] of ends.entries()) {
        // Who met the lock of another one, with the branch not moved yet, only knows that it is to be tried again.
        if (end.status === 'rejected') assert.equal(end.reason.data.why, 'conflict', String(end.reason))
        else assert.equal(end.value, made[at] === is ? 'moved' : 'elsewhere')
      }
      assert.equal(ends.filter((end) => end.status === 'fulfilled' && end.value === 'moved').length, 1)
      from = is
    }
  })

  test('a branch that moves while the push is under way is elsewhere, however the server words it', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const base = origin.commit(files({ a: '0' }))
    const other = origin.commit(files({ a: 'other' }), { branch: 'other' })
    const forge = forgeAt(origin.folder, place.folder)
    const made = await forge.commit(draft(base, { a: '1' }), never)
    const words = ['', 'echo "! stale info" >&2; exit 1', 'echo "Zweig wurde verschoben" >&2; exit 1', 'kill -9 $PPID']
    for (const end of words) {
      origin.git('update-ref', 'refs/heads/bot', base)
      hook(origin, 'update', `unset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/bot ${other}\n${end}`)
      assert.equal(await forge.move('bot', made, base, never), 'elsewhere', end)
      assert.equal(origin.git('rev-parse', 'bot'), other)
      origin.git('update-ref', 'refs/heads/bot', base)
      assert.equal(await forge.remove('bot', base, never), 'elsewhere', end)
      hook(origin, 'update', `unset GIT_QUARANTINE_PATH\ngit update-ref -d refs/heads/bot\n${end}`)
      origin.git('update-ref', 'refs/heads/bot', base)
      assert.equal(await forge.remove('bot', base, never), 'removed', end)
    }
  })

  test('a push that is refused says why and what to do; what may go better is tried again', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const base = origin.commit(files({ a: '0' }))
    const forge = forgeAt(origin.folder, place.folder)
    const made = await forge.commit(draft(base, { a: '1' }), never)
    const second = await forge.commit(draft(base, { a: '2' }), never)
    assert.equal(await forge.move('bot', made, null, never), 'moved')
    const says = (script: string) => () => {
      hook(origin, 'pre-receive', script)
      return () => rmSync(join(origin.folder, 'hooks/pre-receive'))
    }
    const configured = (name: string) => () => {
      origin.git('config', name, 'true')
      return () => void origin.git('config', '--unset', name)
    }
    const update = () => forge.move('bot', second, made, never)
    const cases: readonly (readonly [() => () => void, () => Promise<unknown>, string, string, RegExp])[] = [
      [says('echo "ticket needed" >&2; exit 1'), update, 'refused', 'forbidden', /a hook .*ticket needed/],
      [
        says('echo "GitLab: You are not allowed to push code to protected branches" >&2; exit 1'),
        update,
        'refused',
        'forbidden',
        /protected against/,
      ],
      [
        says('echo "Gitea: branch bot is protected from force push" >&2; exit 1'),
        update,
        'refused',
        'forbidden',
        /protected against/,
      ],
      [says('echo "error: file exceeds maximum size" >&2; exit 1'), update, 'refused', 'too-large', /raise its limit/],
      [
        says('echo "fatal: No space left on device" >&2; exit 1'),
        update,
        'unavailable',
        'server-error',
        /where the repository is/,
      ],
      [says('kill -9 $PPID'), update, 'unavailable', 'network', /tried again by itself/],
      [configured('receive.denyNonFastForwards'), update, 'refused', 'forbidden', /denyNonFastForwards/],
      [
        configured('receive.denyDeletes'),
        () => forge.remove('bot', made, never),
        'refused',
        'forbidden',
        /denyDeletes/,
      ],
      [() => () => {}, () => forge.move('bot/below', second, null, never), 'refused', 'invalid', /in the way/],
      [
        () => {
          const lock = join(origin.folder, 'refs/heads/bot.lock')
          writeFileSync(lock, '')
          return () => rmSync(lock)
        },
        update,
        'unavailable',
        'conflict',
        /ends in \.lock/,
      ],
    ]
    for (const [break_, act, code, why, says_] of cases) {
      const mend = break_()
      const trouble = await troubleOf(act())
      mend()
      assert.deepEqual([trouble.code, trouble.why], [`target.${code}`, why], trouble.detail)
      assert.match(trouble.detail, says_)
      assert.equal(origin.git('rev-parse', 'bot'), made)
    }
    assert.equal(await update(), 'moved')
  })

  test('a server that dies in the middle of a push: before it, or after it and before it could say so', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.git('config', 'http.receivepack', 'true')
    const base = origin.commit(files({ a: '0' }))
    let fault: 'refuses' | 'cuts' | 'busy' | 'swallows' | null = null
    await using server = await serveGit(origin, {
      before(request, response) {
        if (fault === null || !isPush(request)) return false
        if (fault === 'swallows') return (swallow(response), false)
        if (fault === 'busy') return (response.writeHead(503).end(), true)
        // Some of the pack was taken.
        if (fault === 'cuts') request.once('data', () => request.destroy())
        else request.destroy()
        return true
      },
    })
    const forge = forgeAt(server.url, place.folder)
    let from: string | null = null
    for (const how of ['refuses', 'cuts', 'busy'] as const) {
      const made = await forge.commit(draft(base, { a: how, big: 'x'.repeat(100_000) }), never)
      fault = how
      const { code, why } = await troubleOf(forge.move('bot', made, from, never))
      assert.deepEqual([code, why], ['target.unavailable', 'network'], how)
      assert.equal(await forge.head('bot', never), from)
      fault = null
      assert.equal(await forge.move('bot', made, from, never), 'moved')
      from = made
    }
    const last = await forge.commit(draft(base, { a: 'last' }), never)
    fault = 'swallows'
    assert.equal(await forge.move('bot', last, from, never), 'moved')
    assert.equal(origin.git('rev-parse', 'bot'), last)
    assert.equal(await forge.remove('bot', last, never), 'removed')
    assert.equal(origin.git('for-each-ref', 'refs/heads/bot'), '')
  })

  test('a push that hangs ends at its bound, or when asked, and leaves no process', async () => {
    using origin = gitOrigin()
    using place = scratch()
    origin.git('config', 'http.receivepack', 'true')
    const base = origin.commit(files({ a: '0' }))
    let reached = Promise.withResolvers<void>()
    await using server = await serveGit(origin, {
      before: (request) => {
        if (isPush(request)) reached.resolve()
        return isPush(request)
      },
    })
    const patient = forgeAt(server.url, join(place.folder, 'patient'))
    const made = await patient.commit(draft(base, { a: '1' }), never)
    const controller = new AbortController()
    const work = patient.move('bot', made, null, controller.signal)
    await reached.promise
    controller.abort(new Error('enough'))
    await assert.rejects(work, /enough|stopped/)
    assert.deepEqual(processesWith(server.url), [])
    reached = Promise.withResolvers()
    // The bound of the push is over as soon as the push hangs.
    let late: Promise<void> | null = reached.promise.then(() => void (late = null))
    const sleep = (ms: number, signal?: AbortSignal) =>
      Promise.race([systemClock.sleep(ms, signal), ...(ms > 1000 && late !== null ? [late] : [])])
    const hasty = forgeAt(server.url, join(place.folder, 'hasty'), { clock: { ...systemClock, sleep } })
    const again = await hasty.commit(draft(base, { a: '2' }), never)
    const { code, why } = await troubleOf(hasty.move('bot', again, null, never))
    assert.deepEqual([code, why], ['target.unavailable', 'timed-out'])
    assert.deepEqual(processesWith(server.url), [])
    assert.equal(await hasty.head('main', never), base)
  })

  test('a copy that is lost, broken or old is made again; it does not grow with the number of commits', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const copy = join(place.folder, 'copy')
    let base = origin.commit(files({ a: '0', b: 'b'.repeat(1000) }))
    const forge = forgeAt(origin.url, place.folder)
    const lost = await forge.commit(draft(base, { a: 'lost' }), never)
    rmSync(copy, { recursive: true })
    const { code } = await troubleOf(forge.move('bot', lost, null, never))
    assert.equal(code, 'target.unavailable')
    writeFileSync(join(copy, 'config'), 'nonsense')
    assert.equal(await textAt(forge, base, 'a'), '0')
    let from: string | null = null
    for (let round = 0; round < 40; round++) {
      // First a base that moves on, then one that stays.
      if (round < 20) base = origin.commit(files({ a: `${round}` }), { rewrite: round % 7 === 0 })
      const made = await forge.commit(draft(base, { a: `bot ${round}` }), never)
      if (round % 8 !== 7) continue
      assert.equal(await forge.move('bot', made, from, never), 'moved')
      from = made
    }
    assert.equal(origin.git('show', 'bot:a'), 'bot 39')
    const packs = readdirSync(join(copy, 'objects/pack')).filter((name) => name.endsWith('.pack'))
    assert.ok(packs.length < 20, `${packs.length} packs`)
    assert.ok(origin.git('--git-dir', copy, 'for-each-ref').split('\n').length < 20)
  })

  test('a base that somebody rewrote while we worked on it', async () => {
    using origin = gitOrigin()
    using place = scratch()
    const base = origin.commit(files({ a: '0' }))
    const forge = forgeAt(origin.url, place.folder)
    const made = await forge.commit(draft(base, { a: '1' }), never)
    origin.commit(files({ a: 'new' }), { rewrite: true })
    origin.git('reflog', 'expire', '--expire=now', '--all')
    origin.git('gc', '--prune=now', '--quiet')
    const { code } = await troubleOf(forge.move('bot', made, null, never))
    assert.equal(code, 'target.unavailable')
    assert.equal(await forge.head('bot', never), null)
    const fresh = forgeAt(origin.url, join(place.folder, 'fresh'))
    assert.equal((await troubleOf(fresh.read(base, 'a', never))).code, 'target.refused')
  })
})
