/** From the release image of a channel to the archive of the version that it names. */
import type { Clock } from '../../kernel/clock.ts'
import { isBuilderVersion } from '../../connectors/docs-builder/names.ts'
import { isTag } from '../../connectors/oci/names.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Json } from '../../kernel/json.ts'
import { usualPlatform, type Image, type ImageStore } from '../../connectors/oci/store.ts'
import { load } from 'js-yaml'
import type { Archives } from './archive/archives.ts'
import { moduleRepository, releaseRepository } from './layout.ts'

export interface Release {
  readonly version: string
  readonly archive: string
  readonly size: number
  readonly about: ReleaseNote
}

/** For people and metrics; no part of what builders get. */
export interface ReleaseNote {
  /** Digest of the module image that the archive was made of. */
  readonly image: string
  readonly signed: boolean
  /** The release image has a module.yaml. */
  readonly described: boolean
  readonly critical: boolean
  /** Entries of the image that builders would refuse, such as links that lead nowhere. */
  readonly leftOut: number
  readonly [name: string]: Json
}

export interface ReleaseParts {
  readonly archives: Archives
  /** Which files make an archive: the original's substring rule. */
  readonly compat: boolean
  /** Bytes that came over the wire for it, and how long it took. */
  readonly pulled?: (pull: { readonly bytes: number; readonly seconds: number }) => void
  readonly clock: Clock
}

export interface Where {
  readonly store: ImageStore
  /** Of the registry, without its host. */
  readonly path: string
  readonly module: string
}

/** Not a part of any manifest specification: the annotation of the tool that signs release images. */
const signature = 'io.deckhouse.delivery-kit.signature'

/**
 * `release`: digest of the release image, so that a tag that moves meanwhile does not matter. Throws AppError: `source.invalid` for what stays so until somebody
 * pushes, else `source.unavailable`.
 */
export async function readRelease(
  parts: ReleaseParts,
  { store, path, module }: Where,
  release: string,
  signal: AbortSignal,
): Promise<Release> {
  const repository = releaseRepository(path, module)
  const image = await imageOf(store, repository, release, signal)
  const blob = (descriptor: Parameters<ImageStore['blob']>[1]) => store.blob(repository, descriptor, signal)
  const names = ['version.json', 'module.yaml']
  const files = await parts.archives.files({ layers: image.layers, names, blob }, signal)
  const place = `${store.name}/${repository}@${release}`
  const version = versionOf(files.get('version.json'), place)
  const definition = files.get('module.yaml')
  const made = await archiveOf(parts, { store, path, module }, version, signal)
  return {
    version,
    archive: made.digest,
    size: made.size,
    about: {
      image: made.image,
      signed: (image.annotations[signature] ?? '') !== '',
      described: definition !== undefined && definition.length > 0,
      critical: definition !== undefined && isCritical(definition),
      leftOut: made.leftOut,
    },
  }
}

async function archiveOf(
  { archives, compat, pulled, clock }: ReleaseParts,
  { store, path, module }: Where,
  version: string,
  signal: AbortSignal,
): Promise<{ digest: string; size: number; image: string; leftOut: number }> {
  const repository = moduleRepository(path, module)
  const began = clock.monotonic()
  const image = await imageOf(store, repository, version, signal)
  const blob = (descriptor: Parameters<ImageStore['blob']>[1]) => store.blob(repository, descriptor, signal)
  const { digest, size, fetched, leftOut } = await archives.make({ layers: image.layers, blob, compat }, signal)
  pulled?.({ bytes: fetched, seconds: (clock.monotonic() - began) / 1000 })
  return { digest, size, image: image.digest, leftOut: leftOut.count }
}

async function imageOf(store: ImageStore, repository: string, reference: string, signal: AbortSignal): Promise<Image> {
  const image = await store.image(repository, reference, signal, usualPlatform)
  if (image !== null) return image
  const name = `${store.name}/${repository}${reference.includes(':') ? '@' : ':'}${reference}`
  throw new AppError('source.unavailable', `there is no image ${name}`)
}

function versionOf(text: Buffer | undefined, place: string): string {
  if (text === undefined) throw new AppError('source.invalid', `${place} has no version.json`)
  let read: unknown
  try {
    read = JSON.parse(text.toString('utf8'))
  } catch (cause) {
    throw new AppError('source.invalid', `version.json of ${place} is no JSON`, { cause })
  }
  const version = typeof read === 'object' && read !== null && 'version' in read ? read.version : undefined
  if (typeof version !== 'string' || version === '') {
    throw new AppError('source.invalid', `version.json of ${place} names no version`)
  }
  if (isTag(version) && isBuilderVersion(version)) return version
  throw new AppError('source.invalid', `version.json of ${place} names what can be no tag of an image`)
}

/** A definition that cannot be read is nobody's business here. */
function isCritical(definition: Buffer): boolean {
  try {
    const read = load(definition.toString('utf8'))
    return typeof read === 'object' && read !== null && 'critical' in read && read.critical === true
  } catch {
    return false
  }
}
