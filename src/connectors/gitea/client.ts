/**
 * Gitea and Forgejo as a forge. Their API makes no commit that no branch has, and moves no branch: what is of Git goes
 * by Git itself, as to any other server, with the token as password; what is of pull requests goes by the API.
 */
import { z } from 'zod'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/retry.ts'
import type { Forge } from '../forge/forge.ts'
import type { Person } from '../git/drafts.ts'
import { createGitForge, type GitForgeOptions } from '../git/forge.ts'
import type { Http } from '../http/client.ts'
import { createGiteaApi, type GiteaApi } from './api.ts'
import { createPulls } from './pulls.ts'

export interface GiteaOptions extends Pick<GitForgeOptions, 'folder' | 'env' | 'program' | 'committer'> {
  /** Of the server, with the path that it is under: `https://gitea.example.org`. */
  readonly url: string
  /** owner/name. */
  readonly repository: string
  /** With the scopes write:repository and write:issue; with read:user commits are in the name of whose it is. */
  readonly token: string
  /** PEM file of the server's authority, for git; `http` has its own. */
  readonly ca?: string
  /** Of whoever made it, who closes it. */
  readonly http: Http
  readonly clock: Clock
  readonly random: Random
  /** Of each git command; default 60 s. */
  readonly timeout?: Ms
  /** Of each request to the API; default 30 s. */
  readonly bound?: Ms
}

/** Throws `config.invalid` where an option is wrong. */
export function createGitea(options: GiteaOptions): Forge {
  const { repository, token, ca, http, clock, random, bound, folder, env, program, committer, timeout } = options
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new AppError('config.invalid', `"${repository}" is no repository; write owner/name`)
  }
  const url = serverUrl(options.url)
  const git = createGitForge({
    remote: {
      url: `${url.href.replace(/\/+$/, '')}/${repository}.git`,
      // Whose it is tells the token; the name is not looked at.
      login: { username: 'oauth2', password: token },
      ...(ca !== undefined && { ca }),
    },
    folder,
    clock,
    env,
    ...(program !== undefined && { program }),
    ...(committer !== undefined && { committer }),
    ...(timeout !== undefined && { timeout }),
  })
  const api = createGiteaApi({ http, clock, random, url, repository, token, ...(bound !== undefined && { bound }) })
  const owner = committer === undefined ? createOwner(api) : () => Promise.resolve(null)
  return {
    ...git,
    async commit(draft, signal) {
      const author = draft.author ?? (await owner(signal))
      return git.commit(author === null ? draft : { ...draft, author }, signal)
    },
    requests: createPulls(api, url.host, clock),
  }
}

const userShape = z.object({ login: z.string().min(1), full_name: z.string().nullish(), email: z.string().nullish() })

/** Whose token it is, asked for once; null: it may not tell (scope read:user), and then nobody is named. */
function createOwner(api: GiteaApi): (signal: AbortSignal) => Promise<Person | null> {
  let known: Person | null | undefined
  return async (signal) => {
    if (known !== undefined) return known
    const ask = { what: 'read whose token it is', path: '/api/v1/user', shape: userShape, also: [403, 404] } as const
    const { value } = await api.ask(ask, signal)
    const { login = '', full_name: name, email } = value ?? {}
    known = email ? { name: name || login, email } : null
    return known
  }
}

function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new AppError('config.invalid', `"${text}" is no address of a Gitea; write https://HOST`)
  }
  return url
}
