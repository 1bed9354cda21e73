/** A forge as the drop-in's environment names it. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Forge } from '../../connectors/forge/forge.ts'
import { createGitForge } from '../../connectors/git/forge.ts'
import { createGitea } from '../../connectors/gitea/client.ts'
import { createGitHub } from '../../connectors/github/client.ts'
import type { Http } from '../../connectors/http/client.ts'
import type { Clock } from '../../kernel/clock.ts'
import { AppError, messageOf } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/retry.ts'

export type ForgePlace =
  | {
      readonly is: 'github'
      /** owner/name. */
      readonly repository: string
      /** null: github.com. */
      readonly api: string | null
      readonly credentials: GitHubCredentials
    }
  | { readonly is: 'gitea'; readonly repository: string; readonly url: string; readonly token: string }
  | {
      readonly is: 'git'
      /** Or the path of a bare repository. */
      readonly url: string
      readonly user: string | null
      readonly password: string | null
      readonly sshKey: string | null
      readonly knownHosts: string | null
    }

export type GitHubCredentials =
  | { readonly token: string }
  | { readonly app: string; readonly installation: string; readonly keyFile: string }

export interface ForgeParts {
  readonly http: Http
  readonly clock: Clock
  readonly random: Random
  readonly env: Readonly<Record<string, string | undefined>>
  /** For copies of repositories: ours alone. */
  readonly folder: string
  /** PEM file of the forge's authority, for git; `http` has its own. */
  readonly caFile: string | null
}

/** Rejects with `config.invalid`; asks nobody yet. */
export async function openForge(
  place: ForgePlace,
  { http, clock, random, env, folder, caFile }: ForgeParts,
): Promise<Forge> {
  const ca = caFile === null ? {} : { ca: resolve(caFile) }
  const git = { clock, env, folder: join(folder, 'repository.git') }
  if (place.is === 'gitea') return createGitea({ ...place, ...git, ...ca, http, random })
  if (place.is === 'git') {
    const { url, user, password, sshKey, knownHosts } = place
    const ssh = {
      ...(sshKey !== null && { key: resolve(sshKey) }),
      ...(knownHosts !== null && { knownHosts: resolve(knownHosts) }),
    }
    const remote = {
      url: /^\.{0,2}\//.test(url) ? pathToFileURL(resolve(url)).href : url,
      ...(password !== null && { login: { username: user ?? 'x-access-token', password } }),
      ...ca,
      ssh,
    }
    return createGitForge({ ...git, remote })
  }
  const { repository, api, credentials: given } = place
  const credentials =
    'token' in given
      ? given
      : { app: { id: given.app, installation: given.installation, key: await keyOf(given.keyFile) } }
  return createGitHub({ repository, credentials, http, clock, random, ...(api !== null && { api }) })
}

async function keyOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (thrown) {
    const said = `GITHUB_APP_PRIVATE_KEY_FILE cannot be read (${messageOf(thrown)})`
    throw new AppError('config.invalid', said, { cause: thrown })
  }
}
