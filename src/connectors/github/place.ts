/** The repository itself: that it is there for us, and what GraphQL calls it. */
import { repositoryAnswer, take } from './reading.ts'
import type { Send } from './send.ts'

export interface Place {
  /** Rejects with `target.refused` when it is not there, or not for these credentials. */
  check(signal: AbortSignal): Promise<void>
  /** null: there is no GraphQL here. */
  graphqlId(signal: AbortSignal): Promise<string | null>
  withoutGraphql(): void
}

export function createPlace(send: Send): Place {
  let id: string | null | undefined

  async function read(signal: AbortSignal): Promise<string> {
    const what = 'read the repository'
    const { json } = await send({ what, path: '', validated: true }, signal)
    return take(repositoryAnswer, json, send.asked(what)).node_id
  }

  return {
    async check(signal) {
      await read(signal)
    },
    async graphqlId(signal) {
      id ??= id === undefined ? await read(signal) : null
      return id
    },
    withoutGraphql() {
      id = null
    },
  }
}
