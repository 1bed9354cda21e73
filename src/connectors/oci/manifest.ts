/** Manifests and indexes, of OCI and of Docker. */
import { unavailable } from './failure.ts'
import { isDigest } from './names.ts'
import { usualPlatform, type Descriptor, type Image, type Platform } from './store.ts'

/** Of an index, or of Docker's manifest list. */
export interface Index {
  readonly is: 'index'
  readonly manifests: readonly (Descriptor & { readonly platform: Platform | null })[]
}

export interface Manifest extends Omit<Image, 'digest' | 'reference'> {
  readonly is: 'image'
}

/**
 * All four are asked for, always: with fewer a registry says 404 to what it holds, or converts it into something
 * with another digest (Distribution 2.8.2, seen 2026-11).
 */
export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const

/** The specification asks registries to take 4 MiB at least; none is known to take more than twice that. */
export const longestManifest = 8 << 20
const mostLayers = 1000

/** `mediaType`: what the store called it; the manifest's own word counts first. Throws `source.unavailable`, malformed. */
export function readManifest(bytes: Uint8Array, mediaType: string, where: string): Manifest | Index {
  const malformed = (what: string, cause?: unknown) => unavailable('malformed', where, `manifest ${what}`, { cause })
  let document: Record<string, unknown>
  try {
    document = objectOf(JSON.parse(Buffer.from(bytes).toString()))
  } catch (cause) {
    throw malformed('is no JSON object', cause)
  }
  if (document['schemaVersion'] !== 2) {
    throw malformed('has another schema than 2; push the image again with a client of this decade')
  }
  const { manifests, layers, config } = document
  const own = typeof document['mediaType'] === 'string' ? document['mediaType'] : mediaType
  // One document that is both is read differently by different clients (CVE-2021-41190).
  if (manifests !== undefined && (layers !== undefined || config !== undefined))
    throw malformed('is an index and an image at once')
  try {
    if (manifests !== undefined) return { is: 'index', manifests: listOf(manifests).map(childOf) }
    return {
      is: 'image',
      mediaType: own,
      annotations: textsOf(document['annotations']),
      config: descriptorOf(config),
      layers: listOf(layers, mostLayers).map(descriptorOf),
    }
  } catch (cause) {
    throw malformed('is not made as the specification says', cause)
  }
}

/** The child for a platform; for `any` the usual one, else the first. null: there is none. A child without a platform counts when it is the only one. */
export function childFor(index: Index, wanted: Platform | 'any'): Descriptor | null {
  const { manifests } = index
  const images = manifests.filter(({ platform }) => platform?.os !== 'unknown')
  if (wanted === 'any') return childFor(index, usualPlatform) ?? images[0] ?? null
  const fits = images.find(({ platform }) => platform !== null && isFor(platform, wanted))
  if (fits !== undefined) return fits
  const [only, ...others] = images
  return only !== undefined && others.length === 0 && only.platform === null ? only : null
}

function isFor(platform: Platform, wanted: Platform): boolean {
  if (platform.os !== wanted.os || platform.architecture !== wanted.architecture) return false
  return wanted.variant === undefined || variantOf(platform) === variantOf(wanted)
}

/** v8 is what arm64 is without a word. */
function variantOf({ architecture, variant }: Platform): string | undefined {
  return architecture === 'arm64' ? (variant ?? 'v8') : variant
}

/** `linux/amd64, linux/arm64/v8`, for people. */
export function platformsOf({ manifests }: Index): string {
  const names = manifests.map(({ platform }) => (platform === null ? 'one without a platform' : platformName(platform)))
  return [...new Set(names)].slice(0, 10).join(', ') || 'none'
}

export function platformName(platform: Platform | 'any'): string {
  if (platform === 'any') return 'any platform'
  const { os, architecture, variant } = platform
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

function childOf(value: unknown): Index['manifests'][number] {
  const { platform } = objectOf(value)
  if (platform === undefined || platform === null) return { ...descriptorOf(value), platform: null }
  const { os, architecture, variant } = objectOf(platform)
  if (typeof os !== 'string' || typeof architecture !== 'string') throw new Error('platform')
  const exact = typeof variant === 'string' && variant !== '' ? { variant } : {}
  return { ...descriptorOf(value), platform: { os, architecture, ...exact } }
}

function descriptorOf(value: unknown): Descriptor {
  const { mediaType, digest, size } = objectOf(value)
  if (typeof mediaType !== 'string') throw new Error('mediaType of a descriptor')
  if (typeof digest !== 'string' || !isDigest(digest)) throw new Error('digest of a descriptor')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw new Error('size of a descriptor')
  return { mediaType, digest, size }
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object')
  return value as Record<string, unknown>
}

function listOf(value: unknown, most = Infinity): unknown[] {
  if (!Array.isArray(value) || value.length > most) throw new Error('not a list, or too long a one')
  return value as unknown[]
}

/** `null` is what Go writes for a map without anything in it. */
function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {}
  const entries = Object.entries(objectOf(value))
  if (entries.some(([, text]) => typeof text !== 'string')) throw new Error('annotations')
  return Object.fromEntries(entries) as Record<string, string>
}
