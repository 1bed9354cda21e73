/** The names of registries, repositories, tags and digests, and what of them may go into a path. */
import { AppError } from '../../kernel/errors.ts'
import { unavailable } from './failure.ts'

export interface Place {
  /** For people, metrics and credentials: Docker Hub is `docker.io` by each of its names. */
  readonly name: string
  /** `https://registry-1.docker.io`. */
  readonly origin: string
  /** How the registry calls a repository: Docker Hub keeps its own under `library/`. */
  readonly repository: (repository: string) => string
}

const hub = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])

const host = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

/** Throws `config.invalid`. */
export function placeOf(text: string, plainHttp: boolean): Place {
  const name = text.toLowerCase()
  if (!host.test(name)) {
    throw new AppError('config.invalid', `'${text}' is no host of a registry; write it as registry.example.io:5000`)
  }
  if (hub.has(name)) {
    const repository = (repository: string) => (repository.includes('/') ? repository : `library/${repository}`)
    return { name: 'docker.io', origin: 'https://registry-1.docker.io', repository }
  }
  return { name, origin: `${plainHttp ? 'http' : 'https'}://${name}`, repository: (repository) => repository }
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const repositoryName = new RegExp(`^${component}(?:/${component})*$`)
const tag = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const digest = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/

export const isTag = (text: string): boolean => tag.test(text)
export const isDigest = (text: string): boolean => digest.test(text)

/** What is not a name by the specification is not asked for: no registry has it, and it might lead elsewhere. */
export function checkRepository(repository: string, where: string): void {
  if (repository.length <= 255 && repositoryName.test(repository)) return
  throw unavailable(
    'malformed',
    where,
    `'${visible(repository)}' is no name of a repository (lower case, parts divided by /)`,
  )
}

export function checkReference(reference: string, where: string): void {
  if (isTag(reference) || isDigest(reference)) return
  throw unavailable('malformed', where, `'${visible(reference)}' is neither a tag nor a digest`)
}

const visible = (text: string) => text.slice(0, 255).replaceAll(/[^\x20-\x7e]/g, '?')
