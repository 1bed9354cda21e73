import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock, type Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createDockerConfig, type Problem } from './docker-config.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const named = (username: string) => ({ auth: base64(`${username}:secret`) })

function open(document: unknown, more: { environment?: Record<string, string>; clock?: Clock } = {}) {
  const problems: Problem[] = []
  const text = typeof document === 'string' ? document : JSON.stringify(document)
  const { environment = {}, clock = systemClock } = more
  const report = (problem: Problem) => void problems.push(problem)
  return { ...createDockerConfig({ from: { text }, clock, environment, report }), problems }
}

/** The user that is found among these keys, each of which names its user. */
async function winner(keys: readonly string[], host: string, repository = 'a/b'): Promise<string | null> {
  const auths = Object.fromEntries(keys.map((key) => [key, { username: `of ${key}`, password: 'p' }]))
  const found = await open({ auths }).credentials(host, repository)
  return found && 'username' in found ? found.username.slice('of '.length) : null
}

test('the very host counts first, then schemes, then the longest path', async () => {
  const order = [
    'reg.io:5000',
    'reg.io:5000/v2/',
    'https://reg.io:5000',
    'http://reg.io:5000/v1/',
    'reg.io:5000/a/b',
    'reg.io:5000/a',
  ]
  const others = ['reg.io', 'other.reg.io:5000', 'reg.io:500', 'reg.io:5000/a/b/c', 'reg.io:5000/a/bb']
  for (const [from, best] of order.entries()) {
    const keys = [...others, ...order.slice(from)]
    assert.equal(await winner(keys, 'reg.io:5000'), best)
    assert.equal(await winner(keys.toReversed(), 'reg.io:5000'), best)
  }
  assert.equal(await winner(others, 'reg.io:5000'), null)
  assert.equal(await winner(['reg.io/a/b'], 'reg.io', 'a/bb'), null)
  assert.equal(await winner(['https://reg.io/a'], 'reg.io', 'a/x'), 'https://reg.io/a')
  assert.equal(await winner(['Reg.IO'], 'reg.io'), 'Reg.IO')
  assert.equal(await winner(['reg.io/a/'], 'reg.io', 'a'), 'reg.io/a/')
})

test('Docker Hub by each of its names', async () => {
  const names = [
    'docker.io',
    'index.docker.io',
    'https://index.docker.io/v1/',
    'registry-1.docker.io',
    'https://registry-1.docker.io/v2/',
  ]
  for (const key of names) assert.equal(await winner([key, 'docker.com'], 'docker.io', 'library/x'), key)
  assert.equal(await winner(names, 'docker.io', 'library/x'), 'docker.io')
  assert.equal(await winner(['docker.io/library'], 'docker.io', 'library/x'), 'docker.io/library')
})

test('what an entry can say', async () => {
  const said = async (entry: unknown) => open({ auths: { 'reg.io': entry } }).credentials('reg.io', 'a')
  const user = { username: 'u', password: 'p:q=' }
  assert.deepEqual(await said({ username: 'u', password: 'p:q=' }), user)
  const auth = base64('u:p:q=')
  assert.deepEqual(await said({ auth, username: 'no', password: 'no' }), user)
  for (const password of ['', 'p', 'pp', 'ppp', 'ü']) {
    for (const text of [base64(`u:${password}`), base64(`u:${password}`).replaceAll('=', '')]) {
      assert.deepEqual(await said({ auth: text }), { username: 'u', password })
    }
  }
  assert.deepEqual(await said({ auth: base64('u:p\0\0') }), { username: 'u', password: 'p' })
  assert.deepEqual(await said({ auth, identitytoken: 'i' }), { identityToken: 'i' })
  assert.deepEqual(await said({ auth, identitytoken: 'i', registrytoken: 'r' }), { registryToken: 'r' })
  assert.equal(await said({}), null)
  assert.equal(await said({ auth: '', username: '', email: 'x' }), null)
})

test('an entry that says nothing does not hide one that does', async () => {
  const config = open({ auths: { 'reg.io': {}, 'https://reg.io/v1/': named('u') } })
  assert.deepEqual(await config.credentials('reg.io', 'a'), { username: 'u', password: 'secret' })
  assert.deepEqual(await Promise.all(['reg.io', 'other.io'].map((host) => config.names(host, 'a'))), [true, false])
})

test('one malformed entry spoils no other, and is told of without what it holds', async () => {
  for (const auth of ['se cret', 'c2VjcmV0', 'c2VjcmV0=x', 'A', base64(':secret'), 7, ['secret']]) {
    const config = open({ auths: { 'bad.io:5000': { auth }, 'good.io': named('u'), 'https://bad.io:5000': {} } })
    assert.deepEqual(await config.credentials('good.io', 'a'), { username: 'u', password: 'secret' })
    assert.deepEqual(
      config.problems.map(({ host }) => host),
      ['bad.io:5000'],
    )
    const error = await refusal(config.credentials('bad.io:5000', 'a'))
    assert.equal(error.data['why'], 'unauthorized')
    assert.doesNotMatch(JSON.stringify([config.problems, error.message, error.data]), /secret|se cret|c2V|OnN/)
  }
  assert.equal(open({ auths: { 'bad.io': 'secret' } }).problems.length, 1)
})

async function refusal(promise: Promise<unknown>): Promise<AppError> {
  const thrown: unknown = await promise.then(
    () => assert.fail('it was answered'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof AppError, String(thrown))
  assert.equal(thrown.code, 'source.unavailable')
  assert.equal(thrown.cause instanceof SyntaxError, false)
  return thrown
}

test('what is no docker config is refused without being quoted', () => {
  for (const text of [
    '',
    'secret',
    '{"auths":{"a":{"auth":secret}}}',
    '[]',
    'null',
    '{"auths":[]}',
    '{"credsStore":1}',
  ]) {
    const thrown = throwing(() => open(text))
    assert.ok(thrown instanceof AppError && thrown.code === 'config.invalid')
    assert.doesNotMatch(`${thrown.stack} ${String(thrown.cause)}`, /secret/)
  }
})

function throwing(act: () => unknown): unknown {
  try {
    act()
  } catch (thrown) {
    return thrown
  }
  return assert.fail('it was taken')
}

test('a file is read again when it has changed, and what was known counts while it is broken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-docker-config-'))
  try {
    const path = join(folder, 'config.json')
    const problems: Problem[] = []
    const report = (problem: Problem) => void problems.push(problem)
    const { credentials } = createDockerConfig({ from: { file: path }, clock: systemClock, environment: {}, report })
    const user = async () => (await credentials('reg.io', 'a')) as { username: string } | null
    assert.match((await refusal(credentials('reg.io', 'a'))).message, /config\.json cannot be read: ENOENT/)
    for (const name of ['one', 'two', 'six']) {
      await writeFile(path, JSON.stringify({ auths: { 'reg.io': named(name) } }))
      assert.equal((await user())?.username, name)
    }
    problems.length = 0
    for (const broken of ['', '{"auths":']) {
      await writeFile(path, broken)
      assert.equal((await user())?.username, 'six')
    }
    await rm(path)
    assert.equal((await user())?.username, 'six')
    assert.deepEqual(
      problems.map(({ what }) => /(is no|ENOENT)/.exec(what)?.[0]),
      ['is no', 'ENOENT'],
    )
    await writeFile(`${path}.new`, '{}')
    await rename(`${path}.new`, path)
    assert.equal(await user(), null)
  } finally {
    await rm(folder, { recursive: true })
  }
})

/** Puts a helper into a folder of its own, which is all of the PATH but for the shell's programs. */
async function helper(script: string) {
  const folder = await mkdtemp(join(tmpdir(), 'regista-helper-'))
  const program = join(folder, 'docker-credential-test')
  await writeFile(program, `#!/bin/sh\necho x >> ${join(folder, 'calls')}\n${script}\n`)
  await chmod(program, 0o755)
  return {
    folder,
    environment: { PATH: `${folder}:/usr/bin:/bin`, FROM_OUTSIDE: 'kept' },
    calls: async () => (await readFile(join(folder, 'calls'), 'utf8')).length / 2,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

const echo = `server=$(cat); printf '{"Username":"%s","Secret":"%s"}' "$1 $server" "$FROM_OUTSIDE"`

test('helpers are asked for the server as the config has it', async () => {
  await using here = await helper(echo)
  const asked = async (config: object, host: string, repository = 'a') => {
    const found = await open(config, here).credentials(host, repository)
    return found && 'username' in found ? `${found.username} ${found.password}` : found
  }
  const store = { credsStore: 'test' }
  assert.equal(await asked(store, 'reg.io'), 'get reg.io kept')
  assert.equal(await asked({ ...store, auths: { 'https://reg.io': {} } }, 'reg.io'), 'get https://reg.io kept')
  assert.equal(await asked(store, 'docker.io', 'library/x'), 'get https://index.docker.io/v1/ kept')
  assert.equal(await asked({ ...store, auths: { 'reg.io': named('in the file') } }, 'reg.io'), 'in the file secret')
  const own = { auths: { 'reg.io': named('in the file') }, credHelpers: { 'reg.io': 'test' } }
  assert.equal(await asked(own, 'reg.io'), 'get reg.io kept')
  assert.equal(await asked(own, 'other.io'), null)
})

test('a helper may have nothing, an identity token, or a fault of any kind', async () => {
  const config = { credsStore: 'test' }
  const ask = async (script: string) => {
    await using here = await helper(`cat > /dev/null; ${script}`)
    return await open(config, here).credentials('reg.io', 'a')
  }
  assert.equal(await ask('echo "credentials not found in native keychain"; exit 1'), null)
  assert.equal(await ask(`echo '{"ServerURL":"","Username":"","Secret":""}'`), null)
  assert.deepEqual(await ask(`echo '{"Username":"<token>","Secret":"i"}'`), { identityToken: 'i' })
  const faults = [
    'echo secret; exit 3',
    'echo secret',
    `echo '{"Username":"secret"}'`,
    'echo secret >&2; kill $$',
    'cat /dev/zero',
  ]
  for (const script of faults) {
    const error = await refusal(ask(script))
    assert.match(error.message, /docker-credential-test/)
    assert.doesNotMatch(`${error.message} ${JSON.stringify(error.data)} ${String(error.cause)}`, /secret/)
  }
  assert.match((await refusal(open({ credsStore: 'none-here' }).credentials('reg.io', 'a'))).message, /PATH/)
  const elsewhere = await refusal(open({ credsStore: 'x/../../bin/sh' }).credentials('reg.io', 'a'))
  assert.match(elsewhere.message, /a name that is none/)
})

test('a helper that hangs is ended with all that it has started', async () => {
  await using here = await helper('sleep 1000 & echo $! > $0.child; wait')
  const path = join(here.folder, 'docker-credential-test.child')
  const child = async () => Number(await readFile(path, 'utf8').catch(() => '0'))
  // The deadline comes when the helper's own child is there.
  const clock: Clock = {
    ...systemClock,
    async sleep(ms, signal) {
      while (ms > 1000 && !signal?.aborted && (await child()) === 0) await systemClock.sleep(5)
    },
  }
  const error = await refusal(open({ credsStore: 'test' }, { ...here, clock }).credentials('reg.io', 'a'))
  assert.match(error.message, /no answer in time/)
  const pid = await child()
  const until = performance.now() + 20_000
  while (await isAlive(pid)) {
    assert.ok(performance.now() < until, 'its child goes on')
    await systemClock.sleep(5)
  }
})

/** One that has ended and that nobody has waited for is not alive. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  return stat !== null && !/\) [ZX] /.test(stat)
}

test('an answer serves whoever asks at the same time, and not for long', async () => {
  await using here = await helper(echo)
  let now = 0
  const clock: Clock = { ...systemClock, monotonic: () => now }
  const { credentials } = open({ credsStore: 'test' }, { ...here, clock })
  await Promise.all([credentials('reg.io', 'a'), credentials('reg.io', 'b')])
  await credentials('reg.io', 'c')
  assert.equal(await here.calls(), 1)
  now = 60_000
  await credentials('reg.io', 'a')
  assert.equal(await here.calls(), 2)
})
