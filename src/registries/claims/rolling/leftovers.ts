/**
 * What machinery-status-collector left: it opened a branch and a request with every change, and branches alone where
 * a step failed. They are closed one at a time, in passes that have nothing else to do.
 */
import type { Forge } from '../../../connectors/forge/forge.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Turn } from './roll.ts'

export interface Leftovers {
  /** Clears one away; false: none is left. `request` is the one that has taken their place. */
  sweep(request: number | null, turn: Pick<Turn, 'fence' | 'signal'>): Promise<boolean>
}

const prefix = 'status-update-'
const theirs = /^status-update-\d{9,11}$/
const theirBody = 'Automated status update from machinery-status-collector.'

export function createLeftovers(forge: Forge, base: string, logger: Logger): Leftovers {
  const { requests } = forge
  /** null: not looked for yet. It makes no new ones, unless somebody still runs it. */
  let left: [branch: string, head: string][] | null = null

  return {
    async sweep(number, { fence, signal }) {
      left ??= [...(await forge.branches(prefix, signal))].filter(([branch]) => theirs.test(branch))
      const next = left.at(-1)
      if (next === undefined) return false
      const [branch, head] = next
      const request = requests === null ? null : await requests.find(branch, base, signal)
      // A person has made it theirs.
      const kept = request !== null && !request.body.includes(theirBody)
      fence()
      if (!kept && request?.state === 'open') {
        const by = number === null ? '' : ` by #${number}`
        await requests!.comment(request.number, `Superseded${by}.`, signal)
        await requests!.close(request.number, signal)
      }
      if (!kept) await forge.remove(branch, head, signal)
      left.pop()
      logger.info({ branch, request: request?.number ?? null, kept }, 'branch of machinery-status-collector')
      return true
    },
  }
}
