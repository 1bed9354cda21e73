/** How a remote repository is named in the configuration file, and how to get in. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { duration, secret } from '../../kernel/settings.ts'
import type { GitRemote } from './remote.ts'

const file = (what: string) =>
  z
    .string()
    .min(1)
    .regex(/^[^"\0\n]+$/, 'is no path')
    .describe(what)

const remoteUrl = /^(?:(?:https?|ssh|git|file):\/\/[^\s-]|\.{0,2}\/|(?![-])(?:[\w.-]+@)?[\w.-]+:(?!\/\/|:))[^\s\0]*$/

/** For `z.strictObject({ ...gitRemoteShape, … }).superRefine(oneWayIn)`. */
export const gitRemoteShape = {
  url: z
    .string()
    .regex(
      remoteUrl,
      'is no url of a repository\nwrite https://host/name.git, ssh://git@host/name.git or file:///folder',
    )
    .refine(
      (url) => !/^https?:\/\/[^/]*@/.test(url),
      'holds credentials\ngive them as token, or as username and password',
    )
    .describe('https://, ssh://, git:// or file://, or a folder of this machine'),
  token: secret().optional().describe('Access token, sent as the password; write it as ${ENV} or file:PATH'),
  username: z
    .string()
    .min(1)
    .regex(/^[^:\0\n]+$/, 'must be without ":"')
    .optional()
    .describe('With a token: x-access-token'),
  password: secret().optional(),
  ca: file("PEM file of the server's authority; default: the system's").optional(),
  ssh_key: file('File of the private key, without passphrase; default: those of the agent or the user').optional(),
  known_hosts: file("File with the server's host key; default: those of the user and the machine").optional(),
  timeout: duration({ least: 1000, most: 3_600_000 }).optional().describe('Bound of each git command; 60s'),
} as const

export type GitRemoteSettings = z.infer<z.ZodObject<typeof gitRemoteShape>>

export function oneWayIn(given: GitRemoteSettings, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
  const secretKey = given.token === undefined ? 'password' : 'token'
  const http = /^https?:/.test(given.url)
  if (given.token !== undefined && given.password !== undefined)
    refuse('password', 'is given beside token\nkeep one of the two')
  if (given.password !== undefined && given.username === undefined) refuse('username', 'is missing beside password')
  if (given.username !== undefined && given[secretKey] === undefined) refuse('username', 'needs a password or token')
  if (given[secretKey] !== undefined && !http) refuse(secretKey, 'is for https:// alone\nfor ssh give ssh_key')
  if (given[secretKey] !== undefined && http && !isProtected(given.url)) {
    refuse('url', 'would carry credentials unprotected over the network\nwrite https://')
  }
}

/** Encrypted, or not leaving this machine. */
function isProtected(url: string): boolean {
  return /^(?:https:|http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?(?:\/|$))/i.test(url)
}

/** `base`: what relative paths are meant from. */
export function gitRemoteOf(settings: GitRemoteSettings, base: string): Omit<GitRemote, 'ref'> {
  const { url, token, username, ca, ssh_key: key, known_hosts: knownHosts } = settings
  const password = token ?? settings.password
  const ssh = {
    ...(key !== undefined && { key: resolve(base, key) }),
    ...(knownHosts !== undefined && { knownHosts: resolve(base, knownHosts) }),
  }
  return {
    url: /^\.{0,2}\//.test(url) ? pathToFileURL(resolve(base, url)).href : url,
    // GitHub wants a user of this name with tokens of apps; the others take any.
    ...(password !== undefined && { login: { username: username ?? 'x-access-token', password } }),
    ...(ca !== undefined && { ca: resolve(base, ca) }),
    ssh,
  }
}
