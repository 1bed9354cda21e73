/** The words of the images registry: stages, the versions that they follow, and what became of looking for one. */
import type { Platform } from '../../connectors/oci/store.ts'
import type { Instant, Ms } from '../../kernel/clock.ts'
import { digestOf, type Digest } from '../../kernel/digest.ts'

/** `project/stage`: the key of its entry, of its delivery, and of its row. */
export type StageKey = string

export const strategies = ['auto', 'semver', 'numeric', 'alphabetical', 'pushed', 'created', 'digest'] as const
export type Strategy = (typeof strategies)[number]

/** Which tags a stage follows, and which of them is the newest. */
export interface Selection {
  /** Globs, of which one must match; those with `!` before them exclude. []: every tag. See tags/pattern.ts. */
  readonly tags: readonly string[]
  readonly strategy: Strategy
  /** SemVer range, for `semver` and `auto`. */
  readonly range: string | null
}

/** One place of one project to which versions of one image go. From the config or the API. */
export interface Stage {
  readonly key: StageKey
  readonly project: string
  readonly stage: string
  /** Name of one of `images.registries`. */
  readonly registry: string
  /** Repository in that registry, without the host: `team/shop`. */
  readonly image: string
  readonly selection: Selection
  /** Compare and deploy what an index has for this platform, so that a rebuild for another one is no change. */
  readonly platform: Platform | null
  /** As `timetable.ts` reads it; null: `images.poll_interval`. */
  readonly schedule: string | null
  /** false: looked at when a webhook or a person says so, and at start. */
  readonly polling: boolean
  /** Name of one of `images.deployers`. */
  readonly deployer: string
  /** What to change, where the deployer is a cluster. */
  readonly workload: Workload | null
  /** false: a version waits for a person. */
  readonly autoDeploy: boolean
  readonly approval: { readonly count: number; readonly within: Ms | null } | null
  /** Maintenance windows as the config writes them (window.ts); []: at any time. */
  readonly windows: readonly string[]
  readonly deployOnFirst: boolean
  readonly allowDowngrade: boolean
  readonly owner: 'config' | 'api'
}

export interface Workload {
  readonly kind: 'Deployment' | 'StatefulSet' | 'DaemonSet'
  readonly namespace: string | null
  readonly name: string
  /** null: the only one. */
  readonly container: string | null
}

/** A tag and what it stood for when it was looked at. */
export interface Version {
  readonly tag: string
  /** Of the manifest or index; where the stage has a platform, of the manifest for it. */
  readonly digest: Digest
  /** When it was pushed (or built, for `created`); null: the registry does not say. */
  readonly at: Instant | null
}

/** What targets are given: the item of an entry. The entry's digest is `revision`, its label the tag. */
export interface Release extends Version {
  readonly project: string
  readonly stage: string
  readonly registry: string
  /** `registry.example.io/team/shop`, without tag and digest, as whoever pulls it writes it. */
  readonly repository: string
  /**
   * The digest; of a version that a person wants deployed once more another one. What a deployer writes beside what
   * it deploys, and tells when it looks.
   */
  readonly revision: Digest
}

/** What looking for the newest version of a stage came to. `unchanged`, `new`, `moved` and `first` clear an error. */
export const results = [
  'first',
  'unchanged',
  'new',
  'moved',
  'regressed',
  'no_match',
  'ambiguous',
  'not_found',
  'unauthorised',
  'rate_limited',
  'unreachable',
  'invalid_response',
] as const
export type Result = (typeof results)[number]

export function keyOf(project: string, stage: string): StageKey {
  return `${project}/${stage}`
}

/**
 * The digest of a stage's entry, by which the engine tells versions apart. `generation`: how often a person wanted
 * what is there once more; each time it is another change.
 */
export function revisionOf(digest: Digest, generation: number): Digest {
  return generation === 0 ? digest : digestOf([digest, generation])
}
