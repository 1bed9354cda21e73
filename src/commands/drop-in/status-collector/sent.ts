/** Listens in on the collector as a target and says what the original would say of each status. */
import type { Change, Target, TargetAsk } from '../../../engine/target.ts'
import { asAppError } from '../../../kernel/errors.ts'
import { namesOf, type ClaimStatus } from '../../../registries/claims/drop-in.ts'
import type { Log } from './log.ts'

export function earOfCollector(log: Log, inner: Target<ClaimStatus>): Target<ClaimStatus> {
  /** What was last said to be wrong with all of it: said again only when it is something else. */
  let trouble: string | null = null

  function missed(thrown: unknown): void {
    const { code, detail } = asAppError(thrown)
    // Cut off by us.
    if (code === 'aborted' || detail === trouble) return
    trouble = detail
    log.tell('ERROR', 'send status', { error: detail })
  }

  function reached(): void {
    if (trouble !== null) log.tell('INFO', 'collector answers again')
    trouble = null
  }

  async function heard<T>(work: Promise<T>): Promise<T> {
    try {
      const value = await work
      reached()
      return value
    } catch (thrown) {
      missed(thrown)
      throw thrown
    }
  }

  return {
    ...inner,
    ...(inner.look && { look: (ask: TargetAsk, signal: AbortSignal) => heard(inner.look!(ask, signal)) }),
    async *apply(batch, signal) {
      const changes = new Map(batch.changes.map((change) => [change.key, change]))
      try {
        for await (const [key, outcome] of inner.apply(batch, signal)) {
          const change = changes.get(key)
          if (outcome.is === 'applied') {
            reached()
            if (change !== undefined) sent(log, change)
          } else if (outcome.is === 'rejected') {
            log.tell('ERROR', 'send status', { ...about(key), error: outcome.detail ?? outcome.why })
          } else if (outcome.is === 'failed') {
            missed(outcome.error)
          }
          yield [key, outcome] as const
        }
      } catch (thrown) {
        missed(thrown)
        throw thrown
      }
    },
  }
}

function sent(log: Log, { key, op, entry }: Change<ClaimStatus>): void {
  if (op === 'delete') log.tell('INFO', 'removal sent', about(key))
  else log.tell('INFO', 'status sent', { ...about(key), status: entry!.item.message })
}

function about(key: string): { cluster: string; claimRef: string } {
  const { cluster = '', claimRef = key } = namesOf(key) ?? {}
  return { cluster, claimRef }
}
