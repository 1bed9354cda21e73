/** Asks the cluster itself who a token belongs to (authentication.k8s.io/v1). */
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import { createDeadline } from '../../../kernel/deadline.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import type { Reviewed } from './cluster-identity.ts'

const path = '/apis/authentication.k8s.io/v1/tokenreviews'
const bound: Ms = 10_000

interface Status {
  readonly authenticated?: unknown
  readonly audiences?: unknown
  readonly user?: { readonly username?: unknown }
}

export function createReview(
  cluster: Pick<Kubernetes, 'create' | 'name'>,
  clock: Clock,
): (token: string, audience: string) => Promise<Reviewed | null> {
  return async (token, audience) => {
    const deadline = createDeadline(clock, bound, undefined, `${cluster.name} was asked who a token belongs to`)
    try {
      const ask = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: {},
        spec: { token, audiences: [audience] },
      }
      const answer = await deadline.within(cluster.create(path, ask as never, deadline.signal))
      const { authenticated, audiences, user } = ((answer as { status?: Status }).status ?? {}) as Status
      if (authenticated !== true || typeof user?.username !== 'string') return null
      return { user: user.username, audiences: Array.isArray(audiences) ? (audiences as string[]) : null }
    } finally {
      deadline.end()
    }
  }
}
