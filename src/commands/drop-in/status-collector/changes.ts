/** Listens in on the forge and the registry as a target, and says what the original would say of pull requests. */
import type { Target, TargetAsk } from '../../../engine/target.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { ClaimStatus, Forge } from '../../../registries/claims/drop-in.ts'
import type { Log } from './log.ts'

export function earOfForge(log: Log, forge: Forge): Forge {
  const { requests } = forge
  const heard: Forge = {
    ...forge,
    async move(branch, to, from, signal) {
      const moved = await forge.move(branch, to, from, signal)
      if (moved === 'moved' && requests === null) log.print(`pushed branch ${branch}`)
      return moved
    },
  }
  if (requests === null) return heard
  return {
    ...heard,
    requests: {
      ...requests,
      async open(draft, signal) {
        const opened = await requests.open(draft, signal)
        log.print(`created PR #${opened.number} on branch ${draft.from}`)
        return opened
      },
      async update(number, change, signal) {
        await requests.update(number, change, signal)
        log.print(`updated PR #${number}`)
      },
      async close(number, signal) {
        await requests.close(number, signal)
        log.print(`closed PR #${number}`)
      },
    },
  }
}

/** What keeps it from being written is said once, and that it is over. */
export function earOfRegistry<T extends Target<ClaimStatus>>(log: Log, inner: T): T {
  let trouble: string | null = null

  function missed(thrown: unknown): void {
    const { code, detail } = asAppError(thrown)
    // Cut off by us.
    if (code === 'aborted' || detail === trouble) return
    trouble = detail
    log.print(`reconcile error: ${detail}`)
  }

  return {
    ...inner,
    ...(inner.look && {
      async look(ask: TargetAsk, signal: AbortSignal) {
        try {
          const looked = await inner.look!(ask, signal)
          if (trouble !== null) log.tell('INFO', 'registry can be read again')
          trouble = null
          return looked
        } catch (thrown) {
          missed(thrown)
          throw thrown
        }
      },
    }),
    async *apply(batch, signal) {
      try {
        yield* inner.apply(batch, signal)
      } catch (thrown) {
        missed(thrown)
        throw thrown
      }
    },
  }
}
