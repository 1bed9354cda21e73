/** Arguments, help, exit codes, and what is said when something is wrong. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Command } from 'commander'
import { bashCompletion } from '../src/commands/completion.ts'
import { command, startCommand } from './parts/commands.ts'
import { regista } from './parts/regista.ts'
import { scratch } from './parts/scratch.ts'

/** Every command and subcommand, as `--help` lists them. */
async function commands(): Promise<string[]> {
  const { stdout } = await command(['--help'], { columns: 200 })
  const names = (help: string) =>
    [...help.slice(help.indexOf('\nCommands:')).matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name!)
  const top = names(stdout).filter((name) => name !== 'help')
  const below = async (group: string) => {
    const { stdout: help } = await command([group, '--help'], { columns: 200 })
    return names(help).flatMap((name) => (name === 'help' ? [] : `${group} ${name}`))
  }
  const groups = ['tokens', 'capabilities', 'modules', 'claims']
  return [...top, ...(await Promise.all(groups.map(below))).flat()]
}

suite('usage', () => {
  test('every command has help with a description; every top command has examples that begin with it', async () => {
    const all = await commands()
    assert.ok(all.length >= 35, all.join(', '))
    for (const name of all) {
      const { code, stdout, stderr } = await command([...name.split(' '), '--help'])
      assert.deepEqual([code, stderr], [0, ''], name)
      assert.match(stdout, /^Usage: regista [^\n]*\n\n\S/, name)
      if (!name.includes(' ')) assert.match(stdout, new RegExp(`\nExamples:\n[^]*\\bregista ${name}`), name)
    }
  })

  test('wrong arguments exit with 64, say what is wrong on stderr, and suggest', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['', /^Usage: regista/],
      ['stauts', /unknown command 'stauts'\n\(Did you mean status\?\)/],
      ['sync --alow-deletes 3', /unknown option '--alow-deletes'\n\(Did you mean --allow-deletes\?\)/],
      ['sync --allow-deletes many', /It takes a whole number\./],
      ['history --since yesterday', /It takes 10m, 2h, 7d or/],
      ['status --output xml', /Allowed choices are table, json/],
      ['status --output sarif', /Allowed choices are table, json\./],
      ['capabilities validate --output xml', /Allowed choices are table, json, sarif\./],
      ['capabilities validate --profile strict', /Allowed choices are de-facto, schema, loose/],
      ['serve --listen 8080', /It takes HOST:PORT/],
      ['explain', /missing required argument 'key'/],
      ['status a b', /too many arguments/],
      ['tokens create ci --role root', /Allowed choices are viewer, operator, admin/],
    ]
    for (const [line, expected] of cases) {
      const { code, stdout, stderr } = await command(line.split(' ').filter(Boolean))
      assert.deepEqual([code, stdout], [64, ''], line)
      assert.match(stderr, expected, line)
      assert.doesNotMatch(stderr, /\n {4}at /, line)
    }
  })

  test('the process itself: exit code, streams, version', async () => {
    using at = scratch('quickstart')
    const version = await regista(['--version'], { cwd: at.folder })
    assert.deepEqual([version.code, version.stderr], [0, ''])
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
    const wrong = await regista(['stauts'], { cwd: at.folder })
    assert.deepEqual([wrong.code, wrong.stdout], [64, ''])
    const pending = await regista(['plan'], { cwd: at.folder })
    assert.deepEqual([pending.code, pending.stderr], [2, ''])
    assert.doesNotMatch(pending.stdout, /\u001b/)
  })

  test('the configuration is found: ./regista.yaml, else .regista/regista.yaml, else -c or REGISTA_CONFIG', async () => {
    using at = scratch('quickstart')
    assert.equal((await regista(['validate'], { cwd: at.folder })).code, 0)
    const env = { REGISTA_CONFIG: at.path('regista.yaml') }
    assert.equal((await command(['validate'], { env })).code, 0)
    using empty = scratch('quickstart')
    const none = await regista(['status'], { cwd: empty.path('capabilities') })
    assert.equal(none.code, 1)
    assert.match(
      none.stderr,
      /neither regista\.yaml nor \.regista\/regista\.yaml exists here; name the file with -c FILE\n$/,
    )
  })

  test('validate lists every problem, for people and for machines, and what registries find', async () => {
    using at = scratch(
      'server: { prot: 1 }\nretention: { events: 5 }\ncapabilities: { one: { directory: capabilities } }\n',
    )
    const config = ['-c', at.path('regista.yaml')]
    const { code, stdout, stderr } = await command(['validate', ...config])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^regista: the configuration has 3 problems:\n/)
    assert.match(stderr, /:1:11: server\.prot is not known; did you mean port\?\n/)
    assert.match(stderr, /:2:22: retention\.events is not a length of time; did you mean 5s\?\n/)
    assert.match(stderr, /capabilities\.one\.targets is missing/)
    const machine = await command(['validate', '--output', 'json', ...config])
    const { problems } = JSON.parse(machine.stderr) as { problems: { path: string; line: number }[] }
    assert.deepEqual(
      problems.map(({ path }) => path),
      ['server.prot', 'retention.events', 'capabilities.one.targets'],
    )

    at.write('regista.yaml', 'capabilities: { one: { directory: capabilities, targets: { own: { store: true } } } }\n')
    assert.equal((await command(['validate', ...config])).code, 0)
    at.write('capabilities/chora.bad.yaml', 'metadata: [\n')
    const bad = await command(['validate', ...config])
    assert.equal(bad.code, 1)
    assert.match(bad.stdout, /^error: .*chora\.bad\.yaml.*\n.*: 1 error\n$/)
  })

  test('a failure is one line without a stack; --debug shows where it comes from', async () => {
    using at = scratch('quickstart')
    const args = ['forget', 'nothing', '-c', at.path('regista.yaml')]
    assert.equal((await command(args)).stderr, 'regista: not found: There is no sync named nothing.\n')
    assert.match((await command([...args, '--debug'])).stderr, /\n +at .*transport\.ts/)
    const { stderr } = await command([...args, '--output', 'json'])
    assert.equal((JSON.parse(stderr) as { code: string }).code, 'request.not-found')
  })

  test('a server that is not there, or is none, is said with the next step; no token goes in clear text', async () => {
    const away = await command(['status', '--url', 'http://127.0.0.1:1'])
    assert.equal(away.code, 1)
    assert.match(away.stderr, /Regista does not answer: http:\/\/127\.0\.0\.1:1: ECONNREFUSED; is it running/)
    const token = 'regista_0123456789ab_secret'
    const clear = await command(['status', '--url', 'http://regista.example:8080', '--token', token])
    assert.equal(clear.code, 1)
    assert.match(clear.stderr, /clear text; use https:\/\/regista\.example:8080/)
    assert.ok(!clear.stderr.includes(token))
    assert.match((await command(['status', '--url', 'regista.example'])).stderr, /must look like https:\/\/host:8080/)
  })

  test('Ctrl-C ends a command with 130 and says nothing', async () => {
    using at = scratch('quickstart')
    const stop = new AbortController()
    stop.abort('SIGINT')
    const { code, stdout, stderr } = await startCommand(['sync', '-c', at.path('regista.yaml')], {}, stop.signal).ended
    assert.deepEqual([code, stdout, stderr], [130, '', ''])
  })

  test('the schema for editors and the completion are printed', async () => {
    const { stdout } = await command(['validate', '--schema'])
    assert.equal((JSON.parse(stdout) as { type: string }).type, 'object')
    const script = bashCompletion(new Command('regista').addCommand(new Command('status').option('--all')))
    assert.match(script, /status\) words="--all"; break ;;/)
    const printed = (await command(['completion'])).stdout
    for (const name of ['serve', 'doctor', 'tokens']) assert.match(printed, new RegExp(`\\n +${name}\\) words=`))
  })
})
