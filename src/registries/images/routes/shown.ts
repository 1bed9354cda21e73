/** A stage as the API shows it: what was seen, what is wanted and what runs there, each by itself. */
import { z } from 'zod'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import { results, type Stage } from '../model.ts'
import { stageStates } from '../stage-state.ts'
import { definitionOf } from '../stages/definition.ts'

const time = z.iso.datetime()
const text = z.string()
const digest = z.string().meta({ description: 'sha256:…' })
const by = z.object({ at: time, by: text, reason: text.nullable() })
const Named = z.object({ tag: text, digest })

const Hold = z.object({
  id: text.meta({ description: 'What `regista release` takes' }),
  reason: text,
  why: text,
  until: time.nullable().meta({ description: 'null: until a person, or a newer version, lets it go' }),
  next: text.meta({ description: 'What a person can do' }),
})

/** Which stage it is, and how it is configured. */
const Configured = {
  project: text,
  stage: text,
  owner: z.enum(['config', 'api']).meta({ description: 'What the config file owns is changed there alone' }),
  registry: text,
  image: text,
  reference: text.nullable().meta({ description: 'host/path, as those write it who pull; null: no such registry' }),
  deployer: text,
  definition: z.record(text, z.unknown()).meta({ description: 'As PUT takes it, with every default' }),
} as const

const Standing = {
  state: z.enum(stageStates).meta({ description: 'How the deploy of what is wanted stands' }),
  reason: text.nullable().meta({ description: 'A reason constant' }),
  why: text.nullable(),
  next: text.nullable().meta({ description: 'What a person can do; null: nothing has to be done' }),
  result: z.enum(results).nullable().meta({ description: 'What the last look came to; null: there was none' }),
  detail: text.nullable(),
  result_at: time.nullable().meta({ description: 'Since when it is that' }),
  last_polled_tag: text.nullable(),
  last_polled_at: time.nullable(),
  next_poll_at: time.nullable().meta({ description: 'null: it is not polled, or nobody does it here' }),
  looking: z.boolean(),
  slowed_down: z.boolean().meta({ description: 'Polled less often, because a webhook tells of it' }),
  baseline: Named.extend({ at: time.nullable() }).nullable(),
  seen: Named.extend({ revision: digest, at: time.nullable() })
    .nullable()
    .meta({ description: 'What is wanted there: the newest version, or the one that it is pinned to' }),
  candidate: Named.extend({ revision: digest }).nullable().meta({ description: 'The same, where it does not run yet' }),
  deployed: z
    .object({
      tag: text.nullable(),
      digest: digest.nullable().meta({ description: 'null: it was not deployed by us' }),
      revision: digest.nullable(),
      at: time.nullable(),
      took: text.nullable(),
      ref: text.nullable().meta({ description: 'What to look for there: a container, a generation, an answer' }),
      detail: text.nullable(),
    })
    .nullable(),
  previous: Named.nullable().meta({ description: 'What a rollback goes back to' }),
  pin: Named.extend(by.shape).nullable(),
  paused: by.nullable(),
  approvals: z
    .object({ needed: z.int(), by: z.array(z.object({ name: text, at: time })), revision: digest })
    .nullable()
    .meta({ description: 'Of the candidate' }),
  holds: z.array(Hold),
  progress: z
    .object({ step: text, since: time, step_at: time })
    .nullable()
    .meta({ description: 'Of a deploy that this process runs' }),
  attempts: z.int().meta({ description: 'How often the deploy of what is wanted failed' }),
  retry_at: time.nullable(),
} as const

export const StageItem = z.object({ ...Configured, ...Standing })
export type StageItem = z.infer<typeof StageItem>

export function configuredOf(stage: Stage, reference: string | null): Pick<StageItem, keyof typeof Configured> {
  const { project, stage: name, owner, registry, image, deployer } = stage
  return { project, stage: name, owner, registry, image, reference, deployer, definition: definitionOf(stage) }
}

export function timeOf(at: Instant | null | undefined): string | null {
  return at === null || at === undefined ? null : isoTime(at)
}
