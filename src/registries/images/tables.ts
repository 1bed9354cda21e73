/**
 * Rows of the images registry. What is deployed is no row here: it is the delivery of the engine, and what is
 * candidate is its entry, so that neither can differ from what the loop believes.
 */
import type { Instant, Ms } from '../../kernel/clock.ts'
import type { Digest } from '../../kernel/digest.ts'
import type { Json } from '../../kernel/json.ts'
import { defineTable } from '../../kernel/table.ts'
import type { Result } from './model.ts'

/** What is known of a stage besides, and its definition where the API made it. */
export interface StageRow {
  readonly project: string
  readonly stage: string
  /** As the API took it (stages/definition.ts); null: the config's. */
  readonly definition: Json
  readonly createdBy: string | null
  /** {tag, digest, at, by, reason}: what a person wants in place of the newest. */
  readonly pin: Json
  /** {at, by, reason}. */
  readonly paused: Json
  /** {revision, by: [{name, at}]}: of the version that waits. */
  readonly approvals: Json
  /** {revision, by, force}: a person wants exactly this now; gates that only guard against surprises let it pass. */
  readonly asked: Json
  /** Counts the times that a person wanted what is there deployed once more. */
  readonly generation: number
  /** {tag, digest, at}: what was the newest at the first look of this configuration. */
  readonly baseline: Json
  /** Of the selection and the image; another one begins with a new baseline. */
  readonly config: Digest | null
  readonly result: Result | null
  readonly detail: string | null
  readonly resultAt: Instant | null
  readonly lastPolledTag: string | null
  /** Written now and then; what is asked from the running process is exact. */
  readonly lastPolledAt: Instant | null
}

/** What is known of a repository: when it was looked at, and whether a webhook tells of it. Bookkeeping. */
export interface RepositoryRow {
  readonly registry: string
  readonly image: string
  readonly lookedAt: Instant | null
  /** When a webhook last told of something that a look then found. */
  readonly hookedAt: Instant | null
  /** When a look last found what no webhook had told of. */
  readonly missedAt: Instant | null
  /** Digest of the list of tags at the last look. */
  readonly list: Digest | null
}

/** A push that a webhook told of. Kept for a day: repeated deliveries are known by it, and other replicas look for it. */
export interface HookEventRow {
  readonly hook: string
  /** The sender's id of the event; of those that send none, the digest of what was said and the minute. */
  readonly id: string
  readonly at: Instant
  /** Of the hook. */
  readonly registry: string
  /** As stages name it; where none follows it, as the sender does. */
  readonly image: string
  /** null: it does not say, or names only one of several. */
  readonly tag: string | null
  /** Stages for which it was worth a look. 0: unmatched. */
  readonly matched: number
}

/** What a person changed for all stages. One row. */
export interface ImagesSettingsRow {
  readonly name: 'images'
  /** In place of `images.poll_interval`; null: that. */
  readonly pollInterval: Ms | null
  readonly by: string | null
}

export const imageStages = defineTable<StageRow>('image_stage', ['project', 'stage'], {
  project: 'text',
  stage: 'text',
  definition: 'json',
  createdBy: 'text',
  pin: 'json',
  paused: 'json',
  approvals: 'json',
  asked: 'json',
  generation: 'int',
  baseline: 'json',
  config: 'text',
  result: 'text',
  detail: 'text',
  resultAt: 'int',
  lastPolledTag: 'text',
  lastPolledAt: 'int',
})

export const imageRepositories = defineTable<RepositoryRow>('image_repository', ['registry', 'image'], {
  registry: 'text',
  image: 'text',
  lookedAt: 'int',
  hookedAt: 'int',
  missedAt: 'int',
  list: 'text',
})

export const imageHookEvents = defineTable<HookEventRow>('image_hook_event', ['hook', 'id'], {
  hook: 'text',
  id: 'text',
  at: 'int',
  registry: 'text',
  image: 'text',
  tag: 'text',
  matched: 'int',
})

export const imageSettings = defineTable<ImagesSettingsRow>('image_settings', ['name'], {
  name: 'text',
  pollInterval: 'int',
  by: 'text',
})

export const imageTables = [imageStages, imageRepositories, imageHookEvents, imageSettings] as const
