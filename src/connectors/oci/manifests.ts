/** What tags and digests stand for, at one host. */
import type { Clock } from '../../kernel/clock.ts'
import { headerOf, type HttpAnswer } from '../http/client.ts'
import { isAbsence, statusFailure, unavailable } from './failure.ts'
import type { Host } from './host.ts'
import { longestManifest, manifestTypes } from './manifest.ts'
import { isDigest } from './names.ts'
import type { Headed } from './store.ts'
import { digestOfBytes } from './verify.ts'

export interface ManifestBytes {
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Buffer
}

export interface Manifests {
  head(
    host: Host,
    repository: string,
    reference: string,
    known: string | undefined,
    signal: AbortSignal,
  ): Promise<Headed>
  /** null: it is not there. */
  get(host: Host, repository: string, reference: string, signal: AbortSignal): Promise<ManifestBytes | null>
}

const accept = manifestTypes.join(', ')

export function createManifests(clock: Clock): Manifests {
  /** Hosts that do not know HEAD, or tell no digest with it: there a GET says it. */
  const headless = new WeakSet<Host>()

  async function read(
    host: Host,
    repository: string,
    reference: string,
    known: string | undefined,
    signal: AbortSignal,
  ) {
    const where = `${host.name}/${repository}`
    return host.ask(
      { method: 'GET', repository, path: `manifests/${reference}`, headers: headersFor(known), counts: true },
      async ({ answer }): Promise<ManifestBytes | 'unchanged' | 'missing'> => {
        if (answer.status === 404) return missing(answer, where)
        if (answer.status === 304 && known !== undefined) {
          answer.dump()
          return 'unchanged'
        }
        if (answer.status !== 200) throw await statusFailure(answer, where, clock.now())
        const bytes = await answer.bytes(longestManifest)
        const said = headerOf(answer, 'docker-content-digest')
        const expected = isDigest(reference) ? reference : said !== undefined && isDigest(said) ? said : undefined
        const digest = digestOfBytes(bytes, expected)
        if (expected !== undefined && digest !== expected) {
          throw unavailable(
            'digest-mismatch',
            where,
            `the manifest of ${reference} is not what its digest says; it was damaged on the way or in the store`,
          )
        }
        return { digest, mediaType: mediaTypeOf(answer), bytes }
      },
      signal,
    )
  }

  /** null: only a GET can tell. */
  function headOnly(host: Host, repository: string, reference: string, known: string | undefined, signal: AbortSignal) {
    return host.ask(
      { method: 'HEAD', repository, path: `manifests/${reference}`, headers: headersFor(known) },
      async ({ answer }): Promise<Headed | null> => {
        const { status } = answer
        if (status === 405 || status === 501) {
          headless.add(host)
          answer.dump()
          return null
        }
        // A body, which could say who answers, comes with a GET only.
        if (status === 404) return (await isAbsence(answer)) ? { is: 'missing' } : null
        if (status === 304 && known !== undefined) {
          answer.dump()
          return { is: 'unchanged' }
        }
        const where = `${host.name}/${repository}`
        if (status !== 200) throw await statusFailure(answer, where, clock.now())
        answer.dump()
        const digest = headerOf(answer, 'docker-content-digest')
        if (digest === undefined || !isDigest(digest)) {
          headless.add(host)
          return null
        }
        if (isDigest(reference) && digest !== reference && digest.startsWith(reference.slice(0, 7))) {
          throw unavailable('digest-mismatch', where, `it answers with ${digest} when asked for ${reference}`)
        }
        return digest === known ? { is: 'unchanged' } : { is: 'there', digest, mediaType: mediaTypeOf(answer) }
      },
      signal,
    )
  }

  return {
    async head(host, repository, reference, known, signal) {
      const headed = headless.has(host) ? null : await headOnly(host, repository, reference, known, signal)
      if (headed !== null) return headed
      const got = await read(host, repository, reference, known, signal)
      if (got === 'missing' || got === 'unchanged') return { is: got }
      return got.digest === known ? { is: 'unchanged' } : { is: 'there', digest: got.digest, mediaType: got.mediaType }
    },
    async get(host, repository, reference, signal) {
      const got = await read(host, repository, reference, undefined, signal)
      return typeof got === 'string' ? null : got
    },
  }
}

const plain = { accept }

/** With the digest that is known: an answer without a body, and without the notification of a pull that a 200 causes. */
function headersFor(known: string | undefined): Readonly<Record<string, string>> {
  return known === undefined ? plain : { accept, 'if-none-match': `"${known}"` }
}

function mediaTypeOf(answer: HttpAnswer): string {
  return (headerOf(answer, 'content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase()
}

async function missing(answer: HttpAnswer, where: string): Promise<'missing'> {
  if (await isAbsence(answer)) return 'missing'
  throw unavailable('malformed', where, 'HTTP 404 that does not come from a registry; check its address', {
    status: 404,
  })
}
