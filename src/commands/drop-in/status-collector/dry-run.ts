/** A dry run: everything is held, and shown in /api/v1/preview. */
import type { Gate } from '../../../engine/target.ts'
import { digestOf } from '../../../kernel/digest.ts'
import type { createWishReader, FileTarget } from '../../../registries/claims/drop-in.ts'

type Wishes = ReturnType<typeof createWishReader>

export const dry: Gate = {
  name: 'dry-run',
  ask: ({ subject }) => ({ hold: 'dry-run', subject: digestOf(['dry-run', subject]), until: 'person' }),
}

/** What the gate holds is what is to be shown. */
export function unheld(inner: Wishes): Wishes {
  return { read: async () => ({ ...(await inner.read()), withheld: new Set() }) }
}

/** An earlier run may have left something to finish: that waits, too. */
export function idle(inner: FileTarget): FileTarget {
  // oxlint-disable-next-line require-yield -- there is nothing to tell of
  return { ...inner, async *apply() {} }
}
