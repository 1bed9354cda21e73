/** How a cluster is reached, and as whom: what a service account's files or a kubeconfig come to. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'

export interface Cluster {
  /** For people: `in-cluster`, `context prod of /home/x/.kube/config`. */
  readonly name: string
  /** May end in a path, as behind Rancher. */
  readonly server: URL
  /** What the service account or the context says; null: it says nothing. */
  readonly namespace: string | null
  /** May hold a password: never in a message. */
  readonly proxy: URL | null
  /** `renew`: what it gave before was refused. */
  access(renew: boolean, signal: AbortSignal): Promise<Access>
}

export interface Access {
  readonly headers: Readonly<Record<string, string>>
  readonly tls: Tls
}

export interface Tls {
  /** PEM; without it the system's own roots. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Name in the server's certificate, where it is not the host of the address. */
  readonly serverName?: string
  readonly insecure?: boolean
}

/** The kubelet replaces a token at 80 % of its life, which is 10 minutes at the least; client-go reads it this often too. */
const freshFor: Ms = 60_000
/** Exec plugins ask cloud providers. One that hangs is not started a second time beside itself. */
const longestRead: Ms = 30_000

/** Reads at most once a minute, and when asked to renew; callers that ask at once share one reading. */
export function keepAccess(
  clock: Clock,
  what: string,
  read: (renew: boolean) => Promise<Access>,
): (renew: boolean, signal: AbortSignal) => Promise<Access> {
  let kept: { readonly access: Access; readonly at: Ms } | null = null
  let reading: Promise<Access> | null = null

  async function refresh(renew: boolean): Promise<Access> {
    try {
      const access = await read(renew)
      kept = { access, at: clock.monotonic() }
      return access
    } finally {
      reading = null
    }
  }

  return async (renew, signal) => {
    if (!renew && kept !== null && clock.monotonic() - kept.at < freshFor) return kept.access
    reading ??= refresh(renew)
    const deadline = createDeadline(clock, longestRead, signal, what)
    try {
      return await deadline.within(reading)
    } catch (thrown) {
      // A file that is just being replaced, a plugin without network: what was good a minute ago mostly still is.
      if (!renew && kept !== null && !signal.aborted) return kept.access
      throw thrown
    } finally {
      deadline.end()
    }
  }
}
