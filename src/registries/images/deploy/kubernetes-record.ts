/**
 * What we note beside an image that we set: an annotation of the workload, by container, so that any process can go
 * on with a rollout, take it back, and tell what runs there.
 */
import { z } from 'zod'
import type { Release } from '../model.ts'
import type { Chosen, WorkloadObject } from './kubernetes-workload.ts'
import { parseImage } from './kubernetes-workload.ts'
import { rolloutOf } from './kubernetes-rollout.ts'

export const noted = 'regista/deploys'
/** Of the pods: another value makes a rollout of an image that is there already. */
export const mark = 'regista/revision'

const before = z.object({
  image: z.string(),
  mark: z.string().nullable(),
  tag: z.string().nullable(),
  /** null: nobody of ours put it there. */
  revision: z.string().nullable(),
})

const note = z.object({
  /** The effect id of the deploy. */
  id: z.string(),
  stage: z.string(),
  image: z.string(),
  tag: z.string(),
  digest: z.string(),
  revision: z.string(),
  /** going-back: the image of before is set again, and not everywhere yet; back: it is. */
  state: z.enum(['rolling', 'done', 'going-back', 'back']),
  why: z.string().optional(),
  /** null: there is nothing else to go back to. */
  previous: before.nullable(),
})

export type Before = z.infer<typeof before>
export type Note = z.infer<typeof note>

const notes = z.record(z.string(), z.unknown())

/** What cannot be read counts as not there: people may write annotations too. */
export function notesOf({ metadata }: WorkloadObject): Readonly<Record<string, unknown>> {
  return notes.safeParse(parsed(metadata.annotations?.[noted])).data ?? {}
}

export function noteOf(object: WorkloadObject, container: string): Note | null {
  return readNote(notesOf(object)[container])
}

export function readNote(value: unknown): Note | null {
  return note.safeParse(value).data ?? null
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '{}')
  } catch {
    return {}
  }
}

export const imageOf = ({ repository, digest }: Release): string => `${repository}@${digest}`

export const markOf = ({ spec }: WorkloadObject): string | null => spec.template.metadata?.annotations?.[mark] ?? null

/** What runs there and was seen to: while a rollout goes on, what was there before it. */
export function runningOf(
  kind: Parameters<typeof rolloutOf>[0],
  object: WorkloadObject,
  { name, image }: Chosen,
): Before {
  const last = noteOf(object, name)
  const found = { image, mark: markOf(object), tag: parseImage(image).tag, revision: null }
  if (last === null) return found
  if (image === last.image && (last.state === 'rolling' || last.state === 'done')) {
    const { tag, revision } = last
    if (last.state === 'done' || rolloutOf(kind, object).is === 'done') return { ...found, tag, revision }
    return last.previous ?? found
  }
  const back = last.state === 'going-back' || last.state === 'back'
  return back && last.previous?.image === image ? last.previous : found
}
