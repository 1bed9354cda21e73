/**
 * A PostgreSQL server for this process: initdb in a scratch folder, a Unix socket there, no TCP.
 * It ends with the process that started it, also when that is killed.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { findPart } from './find.ts'

export interface PostgresServer {
  /** Makes an empty database, in a folder of its own if one is given, and tells its URL. */
  createDatabase(folder?: string): Promise<string>
  /** Kills every process of the server at once, as a power cut would, and starts it again on the same data. */
  crash(): Promise<void>
  /** The first half of it, and the second. */
  down(): Promise<void>
  up(): Promise<void>
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** Default off: a test does not survive a power cut anyway. */
  readonly fsync?: boolean
}

interface Running {
  readonly child: ChildProcess
  readonly log: string[]
}

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'regista-pg-'))
  const asPostgres = switchUser()
  giveAway(folder)
  const data = join(folder, 'data')
  initialise(asPostgres, data)
  let running = await launch(asPostgres, folder, options)
  let databases = 0

  const onExit = () => running.child.kill('SIGQUIT')
  process.once('exit', onExit)
  const down = () => end(running.child, 'SIGQUIT')
  const up = async () => {
    running = await launch(asPostgres, folder, options)
  }
  return {
    async createDatabase(place) {
      databases += 1
      const name = `test_${databases}`
      const client = new Client(urlOf(folder, 'postgres'))
      await client.connect()
      if (place !== undefined) {
        giveAway(place)
        await client.query(`CREATE TABLESPACE ${name} LOCATION '${place}'`)
      }
      await client.query(`CREATE DATABASE ${name}${place === undefined ? '' : ` TABLESPACE ${name}`}`)
      await client.end()
      return urlOf(folder, name)
    },
    async crash() {
      await down()
      await up()
    },
    down,
    up,
    async stop() {
      process.off('exit', onExit)
      await end(running.child, 'SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type Launcher = readonly string[]

/** The server refuses to run as root; as root it becomes the user `postgres` of the Debian package. */
function switchUser(): Launcher {
  const dying = ['setpriv', '--pdeathsig', 'INT']
  if (process.getuid?.() !== 0) return dying
  const { uid, gid } = postgresUser()
  return [...dying, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
}

function giveAway(folder: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = postgresUser()
  chownSync(folder, uid, gid)
  chmodSync(folder, 0o755)
}

function postgresUser(): { uid: number; gid: number } {
  const idOf = (what: string) => Number(spawnSync('id', [what, 'postgres'], { encoding: 'utf8' }).stdout)
  return { uid: idOf('-u'), gid: idOf('-g') }
}

/** The cluster sorts text like English on purpose: what must sort by code point has to say so. */
function initialise([command, ...parameters]: Launcher, data: string): void {
  const initdb = findPart('initdb')
  if (!initdb) throw new Error('initdb not found')
  const sorting = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en']
  const made = spawnSync(
    command!,
    [...parameters, initdb, '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', ...sorting],
    { encoding: 'utf8', cwd: '/' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${made.error?.message ?? ''}`)
}

async function launch([command, ...parameters]: Launcher, folder: string, options: PostgresOptions): Promise<Running> {
  const path = findPart('postgres') ?? findPart('initdb')!.replace(/initdb$/, 'postgres')
  const settings = {
    listen_addresses: '',
    unix_socket_directories: folder,
    fsync: options.fsync ? 'on' : 'off',
    full_page_writes: options.fsync ? 'on' : 'off',
    max_connections: '60',
    shared_buffers: '64MB',
  }
  const child = spawn(
    command!,
    [
      ...parameters,
      path,
      '-D',
      join(folder, 'data'),
      ...Object.entries(settings).flatMap((pair) => ['-c', pair.join('=')]),
    ],
    { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const log: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text))
  const running = { child, log }
  await ready(folder, running)
  return running
}

async function ready(folder: string, { child, log }: Running): Promise<void> {
  const until = Date.now() + 30_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`postgres ended: ${log.join('')}`)
    const client = new Client(urlOf(folder, 'postgres'))
    client.on('error', () => {})
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (Date.now() > until) throw new Error(`postgres does not answer: ${log.join('')}`, { cause: error })
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    }
  }
}

async function end(child: ChildProcess, signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

function urlOf(folder: string, database: string): string {
  return `postgres://postgres@localhost/${database}?host=${encodeURIComponent(folder)}`
}
