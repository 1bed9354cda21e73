/**
 * Programs that keep credentials for docker: `docker-credential-<name> get` reads a server's address and prints
 * `{"Username", "Secret"}` (github.com/docker/docker-credential-helpers). What they print is never passed on.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Credential } from './credential.ts'
import { unavailable } from './failure.ts'

/** Helpers of clouds start a Python and ask the network: five seconds are usual. */
const helperBound: Ms = 30_000
const mostOutput = 64 << 10
/** A scan of a thousand repositories asks for each: one answer serves them all, and a changed one counts soon. */
const remembered: Ms = 10_000

export interface CredentialHelpers {
  /** null: it has none for this server. Throws `source.unavailable` when it could not say. */
  get(name: string, server: string): Promise<Credential | null>
}

export interface CredentialHelperParts {
  readonly clock: Clock
  /** Of this process: helpers find their programs, their sockets and their own settings there. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

interface Answer {
  readonly at: Ms
  readonly credential: Promise<Credential | null>
}

export function createCredentialHelpers({ clock, environment }: CredentialHelperParts): CredentialHelpers {
  const answers = new Map<string, Answer>()

  async function ask(name: string, server: string): Promise<Credential | null> {
    const failed = (what: string, cause?: unknown) =>
      unavailable('unauthorized', hostOf(server), `the credential helper docker-credential-${name} ${what}`, { cause })
    // What is in a configuration is not to lead to any other program.
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
      throw unavailable('unauthorized', hostOf(server), 'its credential helper has a name that is none')
    }
    let end: End
    try {
      end = await run(`docker-credential-${name}`, server, environment, clock)
    } catch (thrown) {
      if (thrown instanceof AppError) throw failed('gave no answer in time', thrown)
      const { code } = thrown as { code?: unknown }
      if (code === 'ENOENT') throw failed('is not in the PATH; install it, or take it out of the docker config')
      throw failed(typeof code === 'string' ? `could not be run: ${code}` : 'printed more than a credential')
    }
    if (end.code === 0) {
      const credential = credentialOf(end.output)
      if (credential === undefined) throw failed('printed something else than a credential')
      return credential
    }
    // The words of the specification's reference implementation; helpers of others print them as well.
    if (/credentials not found/i.test(end.output)) return null
    throw failed(`failed with exit code ${end.code}; run it with this server to see why`)
  }

  return {
    get(name, server) {
      const key = `${name} ${server}`
      const known = answers.get(key)
      if (known && clock.monotonic() - known.at < remembered) return known.credential
      const credential = ask(name, server)
      answers.set(key, { at: clock.monotonic(), credential })
      // What failed is asked again at once; whoever asked together fails together.
      credential.catch(() => answers.delete(key))
      return credential
    },
  }
}

/** undefined: it is none. `<token>` in the place of a name marks an identity token. */
function credentialOf(output: string): Credential | null | undefined {
  let said: { readonly Username?: unknown; readonly Secret?: unknown } | null
  try {
    said = JSON.parse(output) as typeof said
  } catch {
    return undefined
  }
  const { Username: username, Secret: secret } = said ?? {}
  if (typeof username !== 'string' || typeof secret !== 'string') return undefined
  if (username === '' && secret === '') return null
  return username === '<token>' ? { identityToken: secret } : { username, password: secret }
}

const hostOf = (server: string) => server.replace(/^https?:\/\//, '').split('/', 1)[0]!

interface End {
  readonly code: number | null
  readonly output: string
}

async function run(program: string, input: string, environment: NodeJS.ProcessEnv, clock: Clock): Promise<End> {
  // A group of its own: what it starts ends with it.
  const child = spawn(program, ['get'], { env: environment, detached: true, stdio: ['pipe', 'pipe', 'ignore'] })
  const deadline = createDeadline(clock, helperBound, undefined, 'a credential helper')
  try {
    return await deadline.within(endOf(child, input))
  } catch (thrown) {
    killGroup(child)
    throw thrown
  } finally {
    deadline.end()
  }
}

function endOf(child: ChildProcess, input: string): Promise<End> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let size = 0
    child.stdout!.on('data', (piece: Buffer) => {
      size += piece.length
      if (size > mostOutput) reject(new Error('too much output'))
      else pieces.push(piece)
    })
    // One that does not read its input says by its exit code why.
    child.stdin!.on('error', () => {})
    child.stdin!.end(input)
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output: Buffer.concat(pieces).toString() }))
  })
}

/** Also when it has ended itself: something that it started may still hold its output. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nobody is left.
  }
}
