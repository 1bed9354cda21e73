/**
 * The `hooks` of the images section: who may send webhooks, and by what each proves itself.
 *
 *   hooks:
 *     forge:     { type: gitea, registry: forge, secrets: ['${FORGE_HOOK_SECRET}'] }
 *     mirror:    { type: distribution, registry: mirror, header: { values: ['${MIRROR_HOOK_TOKEN}'] } }
 *     dockerhub: { type: dockerhub, registry: dockerhub, id: '${DOCKERHUB_HOOK_ID}' }
 *
 * The address is /webhooks/NAME; of a hook with an id /webhooks/ID.
 */
import { z } from 'zod'
import { secret } from '../../../kernel/settings.ts'

export const hookTypes = [
  'gitea',
  'forgejo',
  'github',
  'dockerhub',
  'distribution',
  'harbor',
  'quay',
  'cloudevents',
  'auto',
] as const
export type HookType = (typeof hookTypes)[number]

type Proof = 'secrets' | 'header' | 'id'

/** What its senders can do, of which one must be set. Where there is a choice, what is set must all be right. */
const proofs: Readonly<Record<HookType, { readonly oneOf: readonly Proof[]; readonly also: readonly Proof[] }>> = {
  gitea: { oneOf: ['secrets'], also: ['header', 'id'] },
  forgejo: { oneOf: ['secrets'], also: ['header', 'id'] },
  github: { oneOf: ['secrets'], also: ['id'] },
  dockerhub: { oneOf: ['id'], also: [] },
  distribution: { oneOf: ['header'], also: ['id'] },
  harbor: { oneOf: ['header'], also: ['id'] },
  quay: { oneOf: ['id'], also: [] },
  cloudevents: { oneOf: ['secrets', 'header', 'id'], also: [] },
  auto: { oneOf: ['secrets', 'header', 'id'], also: [] },
}

const howTo: Readonly<Record<Proof, string>> = {
  secrets: "secrets: ['${HOOK_SECRET}'], and the same secret at the sender; make one: openssl rand -hex 24",
  header: 'header: { values: ["${HOOK_TOKEN}"] }, and the same header at the sender; make one: openssl rand -hex 24',
  id: "id: '${HOOK_ID}', and /webhooks/ID as address at the sender; make one: openssl rand -hex 24",
}

const makeOne = 'make one: openssl rand -hex 24'
const proof = (what: string) =>
  secret()
    .refine((text) => text.length >= 16, `is too short to be secret\n${makeOne}`)
    .describe(what)

export const hook = z
  .strictObject({
    type: z.enum(hookTypes).default('auto').describe('Who sends; auto: told by what comes'),
    registry: z.string().min(1).describe('Name of one of images.registries: where the images are that it tells of'),
    secrets: z
      .array(proof('Signs each delivery (HMAC-SHA256); whsec_… for senders of Standard Webhooks'))
      .min(1)
      .max(3)
      .optional()
      .describe('Several while the sender changes from one to another'),
    header: z
      .strictObject({
        name: z
          .string()
          .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of a header')
          .default('Authorization'),
        values: z.array(proof('As the sender sends it: Bearer …')).min(1).max(3),
      })
      .optional()
      .describe('A fixed header that comes with each delivery'),
    id: secret()
      .refine(
        (text) => /^[A-Za-z0-9_-]{24,128}$/.test(text),
        `is no id: 24 to 128 letters, digits, _ and -, that nobody can guess\n${makeOne}`,
      )
      .optional()
      .describe(
        'The address is /webhooks/ID, known to the sender alone; for those that can neither sign nor send a header',
      ),
  })
  .superRefine((given, context) => {
    const refuse = (path: Proof, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const { oneOf, also } = proofs[given.type]
    if (oneOf.every((one) => given[one] === undefined)) {
      const [first] = oneOf as [Proof]
      refuse(first, `is missing: without ${oneOf.join(', ')} anybody could send\ngive ${howTo[first]}`)
    }
    for (const one of ['secrets', 'header', 'id'] as const) {
      if (given[one] === undefined || oneOf.includes(one) || also.includes(one)) continue
      refuse(one, `is nothing that ${given.type} can send\ntake it out; give ${howTo[oneOf[0]!]}`)
    }
    if (given.header?.values.some((value) => /[^\t\x20-\x7e\x80-\xff]/.test(value) || value !== value.trim())) {
      refuse('header', 'holds a value that no header can hold\nleave out blanks around it, and line breaks')
    }
  })

export type HookConfig = z.infer<typeof hook>

const hookName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'is no name of a hook\nuse letters, digits and . _ -, at most 64')

export const hooks = z
  .record(hookName, hook)
  .superRefine((given, context) => {
    const taken = new Set(Object.keys(given))
    for (const [name, { id }] of Object.entries(given)) {
      if (id === undefined) continue
      if (taken.has(id)) {
        const message = `is the name or the id of another hook\n${makeOne}`
        context.addIssue({ code: 'custom', path: [name, 'id'], message })
      }
      taken.add(id)
    }
  })
  .default({})
  .describe('Who may send webhooks, to /webhooks/NAME')
