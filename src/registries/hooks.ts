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
import { duration, secret } from '../kernel/settings.ts'

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

/** As connectors/webhook/sign.ts takes them. */
function isSigning(text: string): boolean {
  const written = text.replace(/=+$/, '')
  const key = Buffer.from(text.slice('whsec_'.length), 'base64')
  const same = `whsec_${key.toString('base64')}`.replace(/=+$/, '') === written
  return same && key.length >= 24 && key.length <= 64
}

const signing = secret().refine(
  isSigning,
  'is no secret of Standard Webhooks\nmake one: echo "whsec_$(openssl rand -base64 32)"',
)

/** Ours to set, or the connection's. */
const ownHeaders = /^(?:host|connection|content-|transfer-encoding$|expect$|upgrade$|webhook-)/i

const hook = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'must be a word of letters, digits and . _ : -')
      .optional()
      .describe('In metrics and events; the host of the url'),
    url: secret().describe('https://…; http:// to this machine alone, unless allow_http'),
    allow_http: z.boolean().default(false).describe('Let notices cross the network in clear text'),
    secret: z
      .union([signing, z.array(signing).min(1).max(4)])
      .describe('Signs each notice (Standard Webhooks); several while receivers change from one to another'),
    on: z
      .enum(['changes', 'failures'])
      .default('changes')
      .describe('changes: whatever a pass did; failures: what needs somebody, and that it is over'),
    headers: z
      .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of a header'), secret())
      .default({})
      .describe('Sent along, such as Authorization'),
    timeout: duration({ least: 100, most: 60_000 }).optional().describe('Bound of each try; 10s'),
  })
  .superRefine((given, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    const fault = urlFault(given.url, given.allow_http)
    if (fault !== null) refuse('url', fault)
    for (const name of Object.keys(given.headers)) {
      if (ownHeaders.test(name)) refuse('headers', 'names a header that is set already\ntake it out')
    }
    if (Object.values(given.headers).some((value) => /[^\t\x20-\x7e\x80-\xff]/.test(value))) {
      refuse('headers', 'holds a value that no header can hold')
    }
  })

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

function parse(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null
}

function urlFault(text: string, allowHttp: boolean): string | null {
  const url = parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return 'is no address\nwrite https://host/path'
  if (url.username !== '' || url.password !== '') return 'holds credentials\ngive them in headers'
  if (url.protocol === 'https:' || allowHttp || isLoopback(url.hostname)) return null
  return 'would cross the network in clear text\nwrite https://, or add allow_http: true'
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function nameOf({ name, url }: { readonly name?: string | undefined; readonly url: string }): string {
  return name ?? parse(url)?.host ?? ''
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
