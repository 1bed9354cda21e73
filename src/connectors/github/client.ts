/**
 * GitHub and GitHub Enterprise Server as a forge, over REST and, where a branch must be moved from where it is known
 * to stand, GraphQL. On our own HTTP rather than Octokit: its throttling and retries wait by a clock of their own,
 * and what is left of it for a dozen requests is less than this.
 */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/retry.ts'
import type { Forge } from '../forge/forge.ts'
import { isLoopbackHost } from '../http/addresses.ts'
import type { Http } from '../http/client.ts'
import { createContents } from './contents.ts'
import { createAuthority, type Credentials } from './credentials.ts'
import { createExchange, type ApiAddress } from './exchange.ts'
import { createManners, type Manners } from './manners.ts'
import { createPlace } from './place.ts'
import { createPulls } from './pulls.ts'
import { createRefs } from './refs.ts'
import { createSend } from './send.ts'

export interface GitHubOptions {
  /** owner/name. */
  readonly repository: string
  readonly credentials: Credentials
  /** Default: https://api.github.com; https://HOST/api/v3 of an Enterprise Server. */
  readonly api?: string
  /** Of whoever made it, who closes it. */
  readonly http: Http
  readonly clock: Clock
  readonly random: Random
  /** Of all who use the same credentials: GitHub counts by these. */
  readonly manners?: Manners
  /** For each request. */
  readonly bound?: Ms
}

/** Throws `config.invalid` where an option is wrong. */
export function createGitHub(options: GitHubOptions): Forge {
  const { repository, credentials, http, clock, random, bound } = options
  if (!/^(?!\.+\/)[\w.-]+\/(?!\.+$)[\w.-]+$/.test(repository)) {
    throw new AppError('config.invalid', `"${repository}" is no repository; write owner/name`)
  }
  const api = apiAddress(options.api ?? 'https://api.github.com')
  const manners = options.manners ?? createManners(clock)
  const exchange = createExchange({ http, clock, manners, api, repository, ...(bound !== undefined && { bound }) })
  const authority = createAuthority({ credentials, clock, exchange, api, repository })
  const send = createSend({ exchange, authority, clock, random, api, repository })
  const contents = createContents(send)
  const refs = createRefs(send, createPlace(send), contents)

  return {
    name: `${api.host}/${repository}`,
    ...refs,
    read: contents.read,
    commit: contents.commit,
    requests: createPulls(send, repository, clock),
    close: () => Promise.resolve(),
  }
}

/** Where REST and GraphQL are (GitHub docs: forming calls with GraphQL). */
function apiAddress(text: string): ApiAddress {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw new AppError('config.invalid', `"${text}" is no address of the GitHub API; write https://HOST/api/v3`)
  }
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
    throw new AppError('config.invalid', `credentials would go to ${url.host} unprotected; write https://`)
  }
  const base = url.pathname.replace(/\/+$/, '')
  const graphql = base.endsWith('/api/v3') ? `${base.slice(0, -'/v3'.length)}/graphql` : `${base}/graphql`
  return { host: url.host.replace(/^api\./, ''), origin: url.origin, base, graphql }
}
