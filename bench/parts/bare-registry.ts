/** Request after request over connections that stay open: what a registry client could reach at best. */
import { Pool } from 'undici'

export interface Manifest {
  readonly repository: string
  readonly reference: string
  /** Sent as If-None-Match: the registry has less to do where it still holds. */
  readonly digest: string
}

/** A manifest that is still the same, or the list of a repository's tags. */
export type Read = Manifest | { readonly repository: string; readonly reference?: undefined }

export interface BareRegistry {
  /** Seconds for all of them, so many at a time. */
  run(reads: readonly Read[], atOnce: number): Promise<number>
  close(): Promise<void>
}

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** `authorization`: of a repository, at hand already. */
export function bareRegistry(url: string, ca: string, authorization: (repository: string) => string): BareRegistry {
  const pool = new Pool(url, { connections: 16, connect: { ca } })
  const tokens = new Map<string, string>()
  const tokenOf = (repository: string) => {
    const token = tokens.get(repository) ?? authorization(repository)
    tokens.set(repository, token)
    return token
  }

  async function head({ repository, reference, digest }: Manifest): Promise<void> {
    const answer = await pool.request({
      method: 'HEAD',
      path: `/v2/${repository}/manifests/${reference}`,
      headers: { accept, 'authorization': tokenOf(repository), 'if-none-match': `"${digest}"` },
      // Without this the connection is closed after each HEAD.
      reset: false,
    })
    await answer.body.dump()
    if (answer.statusCode !== 304) throw new Error(`HEAD ${repository}:${reference}: ${answer.statusCode}`)
  }

  async function list(repository: string): Promise<void> {
    const path = `/v2/${repository}/tags/list?n=1000`
    const answer = await pool.request({ method: 'GET', path, headers: { authorization: tokenOf(repository) } })
    const { tags } = (await answer.body.json()) as { tags: readonly string[] }
    if (answer.statusCode !== 200 || tags.length === 0) throw new Error(`${path}: ${answer.statusCode}`)
  }

  return {
    async run(reads, atOnce) {
      const began = performance.now()
      let next = 0
      const worker = async () => {
        for (let at = next++; at < reads.length; at = next++) {
          const read = reads[at]!
          await (read.reference === undefined ? list(read.repository) : head(read))
        }
      }
      await Promise.all(Array.from({ length: atOnce }, worker))
      return (performance.now() - began) / 1000
    },
    close: () => pool.destroy(),
  }
}
