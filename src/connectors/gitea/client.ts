/**
 * Gitea and Forgejo as a forge. Their API makes no commit that no branch has, and moves no branch: what is of Git goes
 * by Git itself, as to any other server, with the token as password; what is of pull requests goes by the API.
 */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/retry.ts'
import type { Forge } from '../forge/forge.ts'
import { createGitForge, type GitForgeOptions } from '../git/forge.ts'
import type { Http } from '../http/client.ts'
import { createGiteaApi } from './api.ts'
import { createPulls } from './pulls.ts'

export interface GiteaOptions extends Pick<GitForgeOptions, 'folder' | 'env' | 'program' | 'committer'> {
  /** Of the server, with the path that it is under: `https://gitea.example.org`. */
  readonly url: string
  /** owner/name. */
  readonly repository: string
  /** With the scopes write:repository and write:issue. */
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
  return { ...git, requests: createPulls(api, url.host, clock) }
}

function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new AppError('config.invalid', `"${text}" is no address of a Gitea; write https://HOST`)
  }
  return url
}
