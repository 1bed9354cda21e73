/**
 * Settings of whoever receives webhooks of ours: where it is, what signs them, and what is sent along.
 *
 *   url: https://ci.example/hooks/regista
 *   secret: ${HOOK_SECRET}      # whsec_ and base64 of 24 to 64 bytes; a list while one replaces another
 *   headers: { Authorization: 'Bearer ${TOKEN}' }
 *
 * Spread `receiverSettings` into a strict object and refine that with `checkReceiver`.
 */
import { z } from 'zod'
import { secret } from '../kernel/settings.ts'

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

export const receiverSettings = {
  url: secret().describe('https://…; http:// to this machine alone, unless allow_http'),
  allow_http: z.boolean().default(false).describe('Let what is sent cross the network in clear text'),
  secret: z
    .union([signing, z.array(signing).min(1).max(4)])
    .describe('Signs what is sent (Standard Webhooks); several while receivers change from one to another'),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no name of a header'), secret())
    .default({})
    .describe('Sent along, such as Authorization'),
} as const

type Receiver = z.infer<z.ZodObject<typeof receiverSettings>>

/** For `z.strictObject({ ...receiverSettings, … }).superRefine(checkReceiver)`. */
export function checkReceiver(given: Receiver, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
  const fault = urlFault(given.url, given.allow_http)
  if (fault !== null) refuse('url', fault)
  for (const name of Object.keys(given.headers)) {
    if (ownHeaders.test(name)) refuse('headers', 'names a header that is set already\ntake it out')
  }
  if (Object.values(given.headers).some((value) => /[^\t\x20-\x7e\x80-\xff]/.test(value))) {
    refuse('headers', 'holds a value that no header can hold')
  }
}

function urlFault(text: string, allowHttp: boolean): string | null {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return 'is no address\nwrite https://host/path'
  if (url.username !== '' || url.password !== '') return 'holds credentials\ngive them in headers'
  if (url.protocol === 'https:' || allowHttp || isLoopback(url.hostname)) return null
  return 'would cross the network in clear text\nwrite https://, or add allow_http: true'
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
