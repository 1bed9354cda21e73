import type { Verdict } from '../../engine/journal.ts'
import type { Link } from './link.ts'

/** Walks the chain in the reader's thread, in steps, so that other reads come in between. */
export async function verifyChain(reader: Link, signal?: AbortSignal): Promise<Verdict> {
  await reader.call('verifyStart')
  try {
    for (;;) {
      signal?.throwIfAborted()
      const verdict = await reader.call<Verdict | null>('verifyStep')
      if (verdict) return verdict
    }
  } finally {
    await reader.call('verifyEnd')
  }
}
