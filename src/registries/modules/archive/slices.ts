/** Slices of layers on disk, each made once: what was seen before is not fetched again. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Descriptor } from '../../../connectors/oci/store.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Filter } from './filter.ts'
import { boil } from './layer.ts'
import type { Limits } from './limits.ts'
import type { Sinks } from './sink.ts'
import { readSlice, type Slice } from './slice.ts'
import type { Slots } from '../../../kernel/slots.ts'

export type BlobOf = (layer: Descriptor) => AsyncIterable<Uint8Array>

export interface Taken {
  /** The caller closes its handle. */
  readonly slice: Slice
  /** Bytes of the layer that were fetched for it. */
  readonly fetched: number
}

export interface Slices {
  take(layer: Descriptor, filter: Filter, blob: BlobOf, signal: AbortSignal): Promise<Taken>
}

export interface SlicesParts {
  readonly folder: string
  readonly sinks: Sinks
  /** Bounds the layers that stream at the same time, over all images. */
  readonly slots: Slots
  readonly limits: Limits
  readonly clock: Clock
  readonly streamed: (bytes: number) => void
}

/** How making a slice went, for those who waited for it. */
type Flight = Promise<'made' | 'given-up' | { readonly error: unknown }>

export function createSlices({ folder, sinks, slots, limits, clock, streamed }: SlicesParts): Slices {
  const flights = new Map<string, Flight>()

  async function take(layer: Descriptor, filter: Filter, blob: BlobOf, signal: AbortSignal): Promise<Taken> {
    const name = nameOf(layer, filter)
    for (;;) {
      signal.throwIfAborted()
      const flight = flights.get(name)
      if (flight === undefined) return lead(name, layer, filter, blob, signal)
      const landed = await abortable(flight, signal)
      // Another caller's failure is ours too, but that it stopped is not.
      if (typeof landed === 'object') throw landed.error
    }
  }

  async function lead(name: string, layer: Descriptor, filter: Filter, blob: BlobOf, signal: AbortSignal) {
    const landing = Promise.withResolvers<Awaited<Flight>>()
    flights.set(name, landing.promise)
    try {
      const known = await reopen(join(folder, name), clock)
      const taken = known ? { slice: known, fetched: 0 } : await make(name, layer, filter, blob, signal)
      landing.resolve('made')
      return taken
    } catch (error) {
      landing.resolve(signal.aborted ? 'given-up' : { error })
      throw error
    } finally {
      flights.delete(name)
    }
  }

  async function make(name: string, layer: Descriptor, filter: Filter, blob: BlobOf, signal: AbortSignal) {
    const release = await slots.take(signal)
    const sink = await sinks.create()
    try {
      const boiling = { layer: layer.digest, blob: told(blob(layer), streamed), filter, limits, clock }
      const fetched = await boil(boiling, sink, signal)
      const { handle } = await sink.keep(() => join(folder, name))
      return { slice: await believed(handle), fetched }
    } finally {
      release()
      await sink.discard()
    }
  }

  return { take }
}

async function* told(blob: AsyncIterable<Uint8Array>, streamed: (bytes: number) => void) {
  for await (const piece of blob) {
    yield piece
    streamed(piece.byteLength)
  }
}

/** Digests become file names: nothing but what they should be gets there. */
function nameOf({ digest }: Descriptor, filter: Filter): string {
  if (!/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(digest)) {
    throw new AppError('source.invalid', `${JSON.stringify(digest.slice(0, 200))} is no digest of a layer`)
  }
  return `${digest.replace(':', '-')}.${filter.name}`
}

/** A slice that is there and whole; null else, and then it is made anew. */
async function reopen(path: string, clock: Clock): Promise<Slice | null> {
  const handle = await open(path, 'r').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null
    throw thrown
  })
  if (handle === null) return null
  const slice = await readSlice(handle)
  if (slice === null) await handle.close()
  else await touch(handle, clock)
  return slice
}

/** What was used last goes last when room is made. */
async function touch(handle: Awaited<ReturnType<typeof open>>, clock: Clock): Promise<void> {
  const now = new Date(clock.now())
  // A folder that may not be written can still be read.
  await handle.utimes(now, now).catch(() => {})
}

async function believed(handle: Awaited<ReturnType<typeof open>>): Promise<Slice> {
  const slice = await readSlice(handle)
  if (slice !== null) return slice
  await handle.close()
  throw new Error('slice of a layer is damaged')
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const fail = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', fail, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', fail)
  }
}
