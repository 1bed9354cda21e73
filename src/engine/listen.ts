/** Follows what somebody outside tells, starting again after a back-off when that ends. */
import { asAppError } from '../kernel/errors.ts'
import { fullJitter, type Backoff } from '../kernel/retry.ts'
import type { Context } from './context.ts'

const backoff: Backoff = { first: 1_000, most: 60_000 }

export type Listener = Pick<Context, 'clock' | 'random' | 'logger'> & { readonly spec: { readonly name: string } }

/** Ends with the signal. `ended` is the log's message for a rejection. */
export async function listen<T>(
  { spec, clock, random, logger }: Listener,
  begin: () => AsyncIterable<T>,
  take: (told: T) => void,
  ended: string,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      for await (const told of begin()) {
        take(told)
        failures = 0
      }
    } catch (thrown) {
      if (!signal.aborted) logger.warn({ sync: spec.name, err: asAppError(thrown) }, ended)
    }
    await clock.sleep(fullJitter(failures, backoff, random), signal)
  }
}
