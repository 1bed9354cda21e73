/** Credentials from a docker config: what `docker login` writes, and what Kubernetes keeps in pull secrets. */
import { open } from 'node:fs/promises'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createCredentialHelpers } from './credential-program.ts'
import type { Credential, Credentials } from './credential.ts'
import { hubServer, readDockerAuths, type DockerAuths, type Problem } from './docker-auths.ts'
import { unavailable } from './failure.ts'

export type { Problem } from './docker-auths.ts'

export interface DockerConfigOptions {
  /** The config itself, not as base64; or the path of a file, which is read again when it has changed. */
  readonly from: { readonly text: string } | { readonly file: string }
  readonly clock: Clock
  /** For credential helpers. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Told once for each reading of the config, never with a secret. */
  readonly report?: (problem: Problem) => void
}

export interface DockerConfig {
  readonly credentials: Credentials
  /** Whether it names the registry at all, if only with an entry `{}`. */
  names(host: string, repository: string): Promise<boolean>
}

/** Clusters keep at most 1 MiB in a secret. */
const longest = 4 << 20

/** Throws `config.invalid` for a text that is no docker config. */
export function createDockerConfig({ from, clock, environment, report }: DockerConfigOptions): DockerConfig {
  const helpers = createCredentialHelpers({ clock, environment })
  const tell = (auths: DockerAuths) => {
    for (const problem of auths.problems) report?.(problem)
    return auths
  }
  const load = 'file' in from ? fromFile(from.file, tell, report) : fromText(from.text, tell)

  async function find(host: string, repository: string): Promise<Credential | null> {
    const auths = await load(host)
    const named = auths.helper(host, repository)
    if (named !== null) return helpers.get(named.name, named.server)
    const entries = auths.entries(host, repository)
    for (const { credential } of entries) {
      if (credential !== null && credential !== 'malformed') return credential
    }
    if (entries.some(({ credential }) => credential === 'malformed')) {
      throw unavailable(
        'unauthorized',
        host,
        'its auth in the docker config is not base64 of user:password; log in anew',
      )
    }
    if (auths.store === null) return null
    // Under the key that docker login has left in the config, with the secret in the store.
    const server = host === 'docker.io' ? hubServer : (entries[0]?.key ?? host)
    return helpers.get(auths.store, server)
  }

  return {
    credentials: find,
    async names(host, repository) {
      const auths = await load(host)
      return auths.helper(host, repository) !== null || auths.entries(host, repository).length > 0
    },
  }
}

type Load = (host: string) => Promise<DockerAuths>

function fromText(text: string, tell: (auths: DockerAuths) => DockerAuths): Load {
  const auths = readDockerAuths(text)
  // Without the parser's words: they quote what they stumble over.
  if (auths === null) throw new AppError('config.invalid', 'the docker config is no JSON object with auths')
  const told = Promise.resolve(tell(auths))
  return () => told
}

interface Loaded {
  readonly text: string
  readonly auths: DockerAuths
}

/** What is read half-written, or is away for a moment, leaves what was known before. */
function fromFile(path: string, tell: (auths: DockerAuths) => DockerAuths, report?: (problem: Problem) => void): Load {
  let known: Loaded | null = null
  let reading: Promise<Loaded> | null = null
  /** What was told of last, so that it is told once. */
  let trouble = ''

  async function read(host: string): Promise<Loaded> {
    try {
      const loaded = await readFile(path, known)
      if (loaded !== known) tell(loaded.auths)
      trouble = ''
      known = loaded
      return loaded
    } catch (thrown) {
      const { code } = thrown as { code?: unknown }
      const why = typeof code === 'string' ? `cannot be read: ${code}` : 'is no JSON object with auths'
      if (why !== trouble) report?.({ host, what: `the docker config ${path} ${why}` })
      trouble = why
      if (known === null) throw unavailable('unauthorized', host, `the docker config ${path} ${why}`)
      return known
    }
  }

  return async (host) => {
    reading ??= read(host).finally(() => (reading = null))
    return (await reading).auths
  }
}

/** Read whole each time, as it is small: two changes within one tick of the file system's clock look like one. */
async function readFile(path: string, known: Loaded | null): Promise<Loaded> {
  const handle = await open(path)
  try {
    const { size } = await handle.stat()
    if (size > longest) throw Object.assign(new Error('too large'), { code: 'EFBIG' })
    const text = await handle.readFile('utf8')
    if (text === known?.text) return known
    const auths = readDockerAuths(text)
    if (auths === null) throw new Error('no docker config')
    return { text, auths }
  } finally {
    await handle.close()
  }
}
