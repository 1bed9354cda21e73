/** The modules registry under measurement: a real registry with TLS and tokens, modules in it, `regista serve` beside. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDockerRegistry, type DockerRegistry } from '../../tests/parts/docker-registry.ts'
import { serveRegista, type Serving } from '../../tests/parts/regista.ts'

export interface ModulesGround extends AsyncDisposable {
  readonly registry: DockerRegistry
  /** Where the folder target unpacks to. */
  readonly site: string
  /** `host`: what stands in front of the registry. */
  serve(options: { readonly host?: string }): Promise<Serving>
}

export const base = 'deckhouse/ee/modules'

export async function prepareModules(): Promise<ModulesGround> {
  const registry = await startDockerRegistry({ tls: true, auth: 'token', unlogged: true })
  const folder = mkdtempSync(join(tmpdir(), 'regista-bench-modules-'))
  let served = 0
  return {
    registry,
    site: join(folder, 'site'),
    serve({ host = registry.host }) {
      // A state of its own for each.
      const cwd = join(folder, String((served += 1)))
      const { username, password } = registry.user
      const config = {
        server: { port: 0 },
        state: join(cwd, 'state'),
        modules: {
          docs: {
            registries: [
              {
                base: `${host}/${base}`,
                username,
                password,
                ca: registry.certificates!.ca,
                realms: [new URL(registry.tokens!.realm).host],
              },
            ],
            interval: '1h',
            targets: { site: { folder: join(folder, 'site') } },
          },
        },
      }
      const file = `${cwd}.yaml`
      writeFileSync(file, JSON.stringify(config))
      return serveRegista(['-c', file], { cwd: folder, bound: 60_000 })
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One pass, asked for and waited for: its length in seconds, and what it found. */
export async function passOf({ url }: Serving): Promise<Pass> {
  const answer = await fetch(`${url}/api/v1/syncs/docs/sync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`sync: ${answer.status} ${text}`)
  return JSON.parse(text) as Pass
}

export interface Pass {
  readonly took: number
  readonly ok: boolean
  readonly scopes: { readonly complete: number; readonly unchanged: number; readonly unavailable: number }
}

/** Requests to registries and token servers so far, by method. */
export async function requestsOf({ url }: Serving): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const counts = new Map<string, number>()
  for (const [, labels, count] of text.matchAll(/^regista_oci_request_duration_seconds_count\{(.*)\} (\d+)$/gm)) {
    const method = /method="(\w+)"/.exec(labels!)![1]!
    counts.set(method, (counts.get(method) ?? 0) + Number(count))
  }
  return counts
}
