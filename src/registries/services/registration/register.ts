/** Registering: a batch is decided on at once and written in one commit; what others are changing waits for them. */
import { AppError, asAppError } from '../../../kernel/errors.ts'
import { createArrive } from './arrive.ts'
import { createDecide, type Arriving, type Call, type Round } from './decide.ts'
import { createSettle } from './existing.ts'
import { allOf, mostRounds, tooOften, type Ground } from './ground.ts'
import type { Registered, Registrations } from './registrations.ts'

export function createRegister(ground: Ground): Registrations['register'] {
  const { ledger, arrivals } = ground
  const arriving: Arriving = { poller: new Map(), agent: new Map(), checker: new Map() }
  const decide = createDecide(ground, arriving)
  const arrive = createArrive(ground, arriving)
  const settle = createSettle(ground)

  /** Those that have to be decided anew. */
  async function run(call: Call, left: readonly number[]): Promise<readonly number[]> {
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const round: Round = {
      done,
      together: !call.conflicted,
      arrivals: [],
      parents: new Map(),
      existing: [],
      later: [],
      blockers: new Set(),
      follows: false,
    }
    decide(call, round, left)
    const blockers = [...round.blockers].filter((one) => one !== done)
    arrivals.add(done)
    const written = arrive(call, round).finally(() => {
      arrivals.delete(done)
      resolve()
    })
    const settled = round.existing.map(async (index) => ((await settle(call, index)) ? [] : [index]))
    const again = await allOf([written, ...settled])
    await Promise.all(blockers)
    if (round.follows) {
      await ledger.follow()
      call.followed = true
    }
    if (again[0]!.length > 0) call.conflicted = true
    return [...again.flat(), ...round.later]
  }

  return async (asked, by, at, seenAt) => {
    const results: (Registered | AppError)[] = Array.from({ length: asked.length })
    const call: Call = { asked, by, at, seenAt, results, conflicted: false, followed: !ledger.shared }
    let left: readonly number[] = asked.map((_one, index) => index)
    try {
      for (let rounds = 0; left.length > 0; rounds += 1) {
        if (rounds === mostRounds) throw tooOften()
        while (ledger.doubts()) await ledger.sure()
        left = await run(call, left)
      }
    } catch (thrown) {
      if (!results.some((result) => result !== undefined && !(result instanceof AppError))) throw thrown
      const error = asAppError(thrown)
      for (let n = 0; n < asked.length; n += 1) results[n] ??= error
    }
    return results
  }
}
