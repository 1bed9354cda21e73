/** HEAD after HEAD over connections that stay open: what a registry client could reach at best. */
import { Pool } from 'undici'

export interface Manifest {
  readonly repository: string
  readonly reference: string
  /** Sent as If-None-Match: the registry has less to do where it still holds. */
  readonly digest: string
}

export interface BareHeads {
  /** Seconds for all of them, so many at a time. */
  run(manifests: readonly Manifest[], atOnce: number): Promise<number>
  close(): Promise<void>
}

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** `authorization`: of a repository, at hand already. */
export function bareHeads(url: string, ca: string, authorization: (repository: string) => string): BareHeads {
  const pool = new Pool(url, { connections: 16, connect: { ca } })
  return {
    async run(manifests, atOnce) {
      const began = performance.now()
      let next = 0
      const worker = async () => {
        for (let at = next++; at < manifests.length; at = next++) {
          const { repository, reference, digest } = manifests[at]!
          const answer = await pool.request({
            method: 'HEAD',
            path: `/v2/${repository}/manifests/${reference}`,
            headers: { accept, 'authorization': authorization(repository), 'if-none-match': `"${digest}"` },
            // Without this the connection is closed after each HEAD.
            reset: false,
          })
          await answer.body.dump()
          if (answer.statusCode !== 304) throw new Error(`HEAD ${repository}:${reference}: ${answer.statusCode}`)
        }
      }
      await Promise.all(Array.from({ length: atOnce }, worker))
      return (performance.now() - began) / 1000
    },
    close: () => pool.destroy(),
  }
}
