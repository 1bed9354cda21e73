/**
 * Writes: one connection, one transaction at a time; in a thread (writer.ts), so that the main one never
 * waits for the disk. Or writes and reads on that connection, within the thread that asks.
 */
import type { Instant, Ms } from '../../kernel/clock.ts'
import type { Fence } from '../../engine/journal.ts'
import { createSweeper } from '../../kernel/memory.ts'
import { createCheckpoints } from './checkpoints.ts'
import { connect } from './connection.ts'
import { createLedger, migrate } from './ledger.ts'
import type { Handlers, WriterData } from './link.ts'
import type { Packed } from './packing.ts'
import { writeParcels } from './parcels.ts'
import { createReads } from './reads.ts'

export function createWrites(data: WriterData, { reads }: { readonly reads: boolean }): Handlers {
  const { path, shapes, now, commitDelay, cache } = data
  const open = () => {
    const connection = connect(path, { readOnly: false, cache })
    try {
      migrate(connection, now, path)
      // The file is held by this process alone: whoever has a lease in it was killed and must not be waited for.
      connection.run('UPDATE "lease" SET "until" = 0 WHERE "until" > 0')
    } catch (thrown) {
      connection.close()
      throw thrown
    }
    // One that reads as well has nobody else to write back for it.
    const checkpoints = reads ? null : createCheckpoints(path, connection)
    return {
      connection,
      checkpoints,
      ledger: createLedger(connection, shapes, commitDelay > 0 ? stall : () => {}, createSweeper()),
    }
  }
  let opened: ReturnType<typeof open> | null = null
  const ledger = () => (opened ??= open()).ledger
  const connection = () => (opened ??= open()).connection

  /** The whole thread waits, as it does for a disk. */
  const stall = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, commitDelay)

  return {
    each: {
      ...(reads && createReads(path, connection)),
      open: () => void ledger(),
      lease: (_, sync: string, holder: string, length: Ms, at: Instant) => ledger().lease(sync, holder, length, at),
      unlease: (_, fence: Fence) => ledger().unlease(fence),
      retain: (_, before: Instant, most: number) => ledger().retain(before, most),
      probe: () => ledger().probe(),
      async close() {
        await opened?.checkpoints?.stop()
        opened?.connection.close()
        opened?.checkpoints?.close()
      },
    },
    together: {
      commit(waiting: readonly (readonly [Packed, Instant])[]) {
        const at = waiting.at(-1)![1]
        const parcels = waiting.map(([parcel]) => parcel)
        const outcomes = writeParcels(parcels, (group) => {
          const replies = ledger().commit(group, at)
          opened?.checkpoints?.committed()
          return replies
        })
        for (const { bytes } of parcels.slice(0, outcomes.length)) letGo(bytes)
        return outcomes
      },
    },
  }
}

/** At once: nothing else happens in this thread that would make V8 look for what is left (64 MB piled up of blobs). */
function letGo(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length > 0) bytes.buffer.transfer(0)
}
