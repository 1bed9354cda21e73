/**
 * `notify` of every sync: who is told, by webhook, of what a sync did.
 *
 *   notify:
 *     - url: https://ci.example/hooks/regista
 *       secret: ${HOOK_SECRET}      # whsec_ and base64 of 24 to 64 bytes; a list while one replaces another
 *       on: changes                 # or failures
 */
import { z } from 'zod'
import type { Ms } from '../kernel/clock.ts'
import { duration } from '../kernel/settings.ts'
import { checkReceiver, receiverSettings } from './receiver.ts'

/** One receiver of notices. */
export interface Hook {
  /** For people, and in metrics; unique within its sync. */
  readonly name: string
  readonly url: string
  readonly secrets: readonly string[]
  /** `failures`: only what needs somebody, and that it is over. */
  readonly on: 'changes' | 'failures'
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: Ms
}

const hook = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'must be a word of letters, digits and . _ : -')
      .optional()
      .describe('In metrics and events; the host of the url'),
    ...receiverSettings,
    on: z
      .enum(['changes', 'failures'])
      .default('changes')
      .describe('changes: whatever a pass did; failures: what needs somebody, and that it is over'),
    timeout: duration({ least: 100, most: 60_000 }).optional().describe('Bound of each try; 10s'),
  })
  .superRefine(checkReceiver)

export const notify = z
  .array(hook)
  .max(16)
  .superRefine((given, context) => {
    const names = given.map(nameOf)
    for (const [at, name] of names.entries()) {
      if (names.indexOf(name) === at) continue
      context.addIssue({
        code: 'custom',
        path: [at, 'name'],
        message: 'is the name of another hook of this sync\ngive each a name',
      })
    }
  })
  .optional()
  .describe('Who is told, by webhook, of what the sync did')

function nameOf({ name, url }: { readonly name?: string | undefined; readonly url: string }): string {
  return name ?? URL.parse(url)?.host ?? ''
}

export function hooksOf(given: z.infer<typeof notify>): readonly Hook[] {
  return (given ?? []).map((one) => ({
    name: nameOf(one),
    url: one.url,
    secrets: [one.secret].flat(),
    on: one.on,
    headers: one.headers,
    timeout: one.timeout ?? 10_000,
  }))
}
