/**
 * What a receiver of deploys says of one: JSON with `status` (`pending`, `running`, `succeeded`, `failed`), `detail`,
 * `id` and `status_url`, each of which may be missing; or problem+json; or any text.
 */
import { z } from 'zod'
import type { Answer } from '../../../connectors/webhook/send.ts'
import { cleaned } from './command-output.ts'
import type { Redaction } from './redaction.ts'

export interface Said {
  /** null: it does not say. */
  readonly state: 'done' | 'failed' | 'going' | null
  /** For people: bounded, on few lines, without secrets. */
  readonly detail: string | null
  readonly ref: string | null
  /** Path and query to ask at. */
  readonly ask: string | null
  /** It names an address of another origin: credentials and signatures of ours do not go there. */
  readonly elsewhere: boolean
}

const longest = { detail: 500, ref: 100, ask: 2000 } as const

const states: Readonly<Record<string, Said['state']>> = {
  succeeded: 'done',
  success: 'done',
  done: 'done',
  deployed: 'done',
  completed: 'done',
  failed: 'failed',
  failure: 'failed',
  error: 'failed',
  cancelled: 'failed',
  canceled: 'failed',
  rolled_back: 'failed',
  pending: 'going',
  queued: 'going',
  accepted: 'going',
  running: 'going',
  in_progress: 'going',
}

const text = z.string().optional().catch(undefined)
const body = z.object({
  status: text,
  state: text,
  detail: text,
  message: text,
  error: text,
  title: text,
  id: z.union([z.string(), z.number()]).optional().catch(undefined),
  status_url: text,
})

export function readAnswer({ text: given, location }: Answer, url: URL, redact: Redaction): Said {
  const said = body.safeParse(parsed(given)).data
  const plain = /^\s*[{[<]/.test(given) ? undefined : given
  const detail = [said?.detail, said?.message, said?.error, said?.title, plain].find((one) => one !== undefined)
  const state = said?.status ?? said?.state
  const address = said?.status_url ?? location
  const to = address === null ? null : URL.parse(address, url.href)
  const own = to !== null && to.origin === url.origin && to.username === '' && to.password === ''
  return {
    state: states[(state ?? '').toLowerCase().replaceAll('-', '_')] ?? null,
    detail: shown(detail, longest.detail, redact),
    ref: shown(said?.id === undefined ? undefined : String(said.id), longest.ref, redact),
    ask: own && to.href.length <= longest.ask ? to.pathname + to.search : null,
    elsewhere: address !== null && !own,
  }
}

function shown(given: string | undefined, most: number, redact: Redaction): string | null {
  if (given === undefined) return null
  const clear = redact.whole(cleaned(given)).replaceAll(/\s+/g, ' ').trim()
  return clear === '' ? null : clear.slice(0, most)
}

function parsed(given: string): unknown {
  try {
    return JSON.parse(given)
  } catch {
    return undefined
  }
}
