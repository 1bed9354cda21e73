/** Blobs as they come, verified on the way. One that breaks off goes on where it broke off, from whichever host has it. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { fullJitter, type Random } from '../../kernel/retry.ts'
import { headerOf, type HttpAnswer } from '../http/client.ts'
import { backoff, judge, mayHelp, usualAttempts } from './attempts.ts'
import { asUnavailable, statusFailure, unavailable } from './failure.ts'
import type { Host } from './host.ts'
import type { Hosts } from './mirrors.ts'
import type { Descriptor } from './store.ts'
import { createVerifier, type Verifier } from './verify.ts'

export interface BlobParts {
  readonly hosts: Hosts
  readonly clock: Clock
  readonly random: Random
}

/** A blob that comes slower than this on the whole, after a first minute, is given up: it would hold its place for days. */
const [patience, lowestRate]: readonly [Ms, number] = [60_000, 8 << 10]

export async function* readBlob(
  { hosts, clock, random }: BlobParts,
  repository: string,
  descriptor: Descriptor,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const verifier = createVerifier(descriptor, `${hosts.upstream.name}/${repository}`)
  const mayTake = patience + (descriptor.size / lowestRate) * 1000
  const time = { waited: 0 }
  for (const host of hosts.order()) {
    const isMirror = host !== hosts.upstream
    const where = `${host.name}/${host.repository(repository)}`
    const leave = await host.gate.enter(signal, 'blobs').catch((thrown: unknown) => {
      if (!isMirror) throw thrown
      hosts.passOver(host, thrown)
      return null
    })
    if (leave === null) continue
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          if (yield* readFrom(host, repository, descriptor, verifier, { clock, time, mayTake, where }, signal)) return
          // Absence at a mirror is not absence.
          break
        } catch (thrown) {
          const error = asUnavailable(thrown, where)
          judge(host.gate, error)
          if (isMirror) {
            hosts.passOver(host, error)
            break
          }
          if (attempt >= usualAttempts || !mayHelp(error)) throw error
        }
        await clock.sleep(fullJitter(attempt - 1, backoff, random), signal)
        await host.gate.ready(signal)
      }
    } finally {
      leave()
    }
  }
  throw unavailable(
    'malformed',
    `${hosts.upstream.name}/${repository}`,
    `blob ${descriptor.digest} is named by a manifest and is not there`,
    {
      status: 404,
    },
  )
}

interface Taking {
  readonly clock: Clock
  readonly time: { waited: Ms }
  readonly mayTake: Ms
  readonly where: string
}

/** false: the host does not have it. */
async function* readFrom(
  host: Host,
  repository: string,
  { digest }: Descriptor,
  verifier: Verifier,
  { clock, time, mayTake, where }: Taking,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, boolean> {
  const from = verifier.at
  const { answer } = await host.once(
    {
      method: 'GET',
      repository: host.repository(repository),
      path: `blobs/${digest}`,
      // As it is: an encoding on the way would make other bytes of it.
      headers: { 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-` }) },
    },
    signal,
  )
  if (answer.status === 404) {
    answer.dump()
    return false
  }
  let skip = from - (await startOf(answer, from, where, clock))
  let since = clock.monotonic()
  for await (const chunk of answer.chunks()) {
    const now = clock.monotonic()
    time.waited += now - since
    if (time.waited > mayTake) throw unavailable('timed-out', where, `blob ${digest} comes too slowly`)
    const rest = skip === 0 ? chunk : chunk.subarray(skip)
    skip = Math.max(0, skip - chunk.length)
    if (rest.length > 0) {
      verifier.add(rest)
      yield rest
    }
    since = clock.monotonic()
  }
  verifier.end()
  host.gate.ended(null)
  return true
}

/** Where in the blob the answer starts; hosts that know no ranges start again. */
async function startOf(answer: HttpAnswer, from: number, where: string, clock: Clock): Promise<number> {
  if (answer.status === 200) return 0
  if (answer.status === 206 && headerOf(answer, 'content-range')?.startsWith(`bytes ${from}-`) === true) return from
  throw await statusFailure(answer, where, clock.now())
}
