/** The targets of a sync, as its configuration names them. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Forge } from '../../connectors/forge/forge.ts'
import { createGitForge } from '../../connectors/git/forge.ts'
import { gitRemoteOf } from '../../connectors/git/settings.ts'
import { createGitea } from '../../connectors/gitea/client.ts'
import { createGitHub } from '../../connectors/github/client.ts'
import type { Manners } from '../../connectors/github/manners.ts'
import { createHttp, type Http, type ObservedRequest } from '../../connectors/http/client.ts'
import { proxyVariables } from '../../connectors/http/proxy.ts'
import type { Target } from '../../engine/target.ts'
import type { Ms } from '../../kernel/clock.ts'
import { AppError, messageOf } from '../../kernel/errors.ts'
import { readVersion } from '../../kernel/version.ts'
import type { Parts } from '../registry.ts'
import type { OpenCluster } from './cluster/open.ts'
import type { CollectorConfig, FileConfig, SyncConfig } from './config.ts'
import type { ClaimStatus } from './model.ts'
import { createCollectorClient } from './collector/client.ts'
import { createCollectorLedger } from './collector/ledger.ts'
import { createCollectorTarget } from './collector/target.ts'
import { createWishReader } from './rolling/wishes.ts'
import { createFileTarget, type FileTarget } from './rolling/target.ts'

export interface Open {
  close(): Promise<void>
}

export interface OpenTargets extends Open {
  readonly all: readonly Target<ClaimStatus>[]
  readonly files: ReadonlyMap<string, FileTarget>
}

export interface TargetParts extends Pick<Parts, 'clock' | 'random' | 'logger' | 'journal' | 'base' | 'state'> {
  readonly sync: string
  readonly observe: (request: ObservedRequest) => void
  /** The same for the same owner of credentials. */
  readonly manners: (owner: string) => Manners
  /** Where the source is one. */
  readonly cluster: OpenCluster | null
}

const snapshotEvery: Ms = 600_000

export async function openTargets(given: SyncConfig['targets'], parts: TargetParts): Promise<OpenTargets> {
  const all: Target<ClaimStatus>[] = []
  const files = new Map<string, FileTarget>()
  const opened: Open[] = []
  for (const [name, { file, collector }] of Object.entries(given)) {
    const http = await openHttp(collector?.ca ?? file?.gitea?.ca ?? file?.github?.ca, parts)
    opened.push(http)
    if (collector) all.push(openCollector(name, collector, http, parts))
    if (file) {
      const target = openFile(name, file, openForge(name, file, http, parts), parts)
      all.push(target)
      files.set(name, target)
    }
  }
  return {
    all,
    files,
    async close() {
      await Promise.allSettled(all.map(async (target) => target.close?.()))
      await Promise.allSettled(opened.map((one) => one.close()))
    },
  }
}

export async function openHttp(
  ca: string | undefined,
  { clock, base, observe }: Pick<TargetParts, 'clock' | 'base' | 'observe'>,
): Promise<Http> {
  const tls = ca === undefined ? {} : { tls: { ca: await textOf(resolve(base, ca)) } }
  return createHttp({
    clock,
    userAgent: `regista/${readVersion()}`,
    proxy: proxyVariables(process.env),
    observe,
    ...tls,
  })
}

function openForge(name: string, { github, gitea, git }: FileConfig, http: Http, parts: TargetParts): Forge {
  const { clock, random, base, state, sync } = parts
  const copy = { clock, env: process.env, folder: join(state, 'claims', encodeURIComponent(`${sync}/${name}`)) }
  if (gitea) {
    const { ca, ...place } = gitea
    return createGitea({ ...place, ...copy, http, random, ...(ca !== undefined && { ca: resolve(base, ca) }) })
  }
  if (git)
    return createGitForge({
      ...copy,
      remote: gitRemoteOf(git, base),
      ...(git.timeout !== undefined && { timeout: git.timeout }),
    })
  const { repository, token, app, api } = github!
  const credentials = app ? { app } : { token: token! }
  // GitHub counts by whose credentials they are, whatever the repository.
  const manners = parts.manners(JSON.stringify([api, token ?? [app!.id, app!.installation]]))
  return createGitHub({ repository, credentials, http, clock, random, api, manners })
}

function openFile(name: string, given: FileConfig, forge: Forge, parts: TargetParts): FileTarget {
  const { change, base, path, sidecar, cluster } = given
  const { clock, logger, journal, sync } = parts
  const {
    branch,
    title,
    message,
    labels,
    reviewers,
    draft,
    auto_merge: autoMerge,
    close_leftovers: closeLeftovers,
  } = change
  return createFileTarget({
    name,
    forge,
    wishes: createWishReader(journal, sync, name),
    clock,
    logger,
    base,
    path,
    sidecar,
    cluster,
    writeStatus: given.write_status,
    onDelete: given.on_delete,
    matchByPath: given.match_by_path,
    change: { branch, title, message, labels, reviewers, draft, autoMerge, closeLeftovers },
  })
}

function openCollector(name: string, given: CollectorConfig, http: Http, parts: TargetParts): Target<ClaimStatus> {
  const { journal, sync, clock, random, logger, cluster, base } = parts
  const { url, token = null, token_file: tokenFile } = given
  const read = async () => (tokenFile === undefined ? token : (await textOf(resolve(base, tokenFile))).trim())
  return createCollectorTarget({
    name,
    client: createCollectorClient({ url, http, clock, token: read }),
    ledger: createCollectorLedger({ journal, sync, target: name }),
    cluster: cluster?.told ?? null,
    farewell: null,
    every: given.snapshot_every ?? snapshotEvery,
    clock,
    random,
    logger,
  })
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (thrown) {
    throw new AppError('config.invalid', `${file} cannot be read (${messageOf(thrown)})`, { cause: thrown })
  }
}
