/** Two replicas of `regista serve` on one PostgreSQL, and commands beside them. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { test } from 'node:test'
import { command } from './parts/commands.ts'
import { skipWithout } from './parts/find.ts'
import { startPostgres } from './parts/postgres.ts'
import { serveRegista } from './parts/regista.ts'
import { scratch } from './parts/scratch.ts'

interface Status {
  readonly sync: string
  readonly owner: boolean
  readonly lastPassOk: boolean | null
}

test(
  'one replica runs the sync, the other takes over when it is gone',
  { skip: skipWithout('postgres', 'initdb') },
  async () => {
    const postgres = await startPostgres()
    try {
      const url = await postgres.createDatabase()
      using at = scratch('')
      const files = ['a', 'b', 'c'].map((name) => {
        mkdirSync(at.path(name))
        const sync = 'shared: { directory: ../capabilities, interval: 1s, targets: { own: { store: true } } }'
        const text = `server: { port: 0 }\ndatabase: ${url}\nstate: state\ncapabilities: { ${sync} }\n`
        at.write(`${name}/regista.yaml`, text)
        return at.path(name, 'regista.yaml')
      })
      const statusOf = async (file: string) => {
        const { stdout, stderr } = await command(['status', '-c', file, '--output', 'json'])
        assert.notEqual(stdout, '', stderr)
        return (JSON.parse(stdout) as Status[])[0]!
      }
      const until = async (what: string, done: () => Promise<boolean>) => {
        const last = performance.now() + 60_000
        while (!(await done())) {
          assert.ok(performance.now() < last, what)
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      }
      await using a = await serveRegista(['-c', files[0]!], { cwd: at.folder })
      await until('a owns it', async () => (await statusOf(files[0]!)).owner)
      await using b = await serveRegista(['-c', files[1]!], { cwd: at.folder })
      await until('b sees the first pass', async () => (await statusOf(files[1]!)).lastPassOk === true)
      assert.equal((await statusOf(files[1]!)).owner, false)

      // A third state folder: nobody holds it, the command asks the database itself.
      const alone = await statusOf(files[2]!)
      assert.deepEqual([alone.owner, alone.lastPassOk], [false, true])
      assert.match((await command(['backup', at.path('x'), '-c', files[2]!])).stderr, /use pg_dump/)
      assert.match((await command(['restore', at.path('x'), '-c', files[2]!])).stderr, /pg_restore/)

      await a.stop('SIGTERM')
      await until('b owns it', async () => (await statusOf(files[1]!)).owner)
      at.edit('capabilities/chora.mail.delivery.yaml', (text) => text.replace('1.4.1', '1.5.0'))
      const applied = ['history', '--key', 'chora.mail.delivery', '--type', 'delivery.', '-c', files[1]!]
      await until(
        'b applies the change',
        async () => (await command(applied)).stdout.trimEnd().split('\n').length === 3,
      )
      assert.equal(await b.stop('SIGTERM'), 0)
    } finally {
      await postgres.stop()
    }
  },
)
