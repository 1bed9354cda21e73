/** The `git` part of a sync: a repository as the place of the manifests. */
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { GitRemote } from '../../connectors/git/remote.ts'
import { duration, secret } from '../../kernel/settings.ts'

const file = (what: string) =>
  z
    .string()
    .min(1)
    .regex(/^[^"\0\n]+$/, 'is no path')
    .describe(what)

/** What git takes as the name of a ref (git-check-ref-format), as far as it could be mistaken for something else. */
// oxlint-disable-next-line no-control-regex -- these are what is refused
const refName = /^(?![-/])(?!.*(?:\.\.|@\{|\/\/|\.lock$|[./]$))[^\x00-\x20\x7f~^:?*[\\]+$/

const remoteUrl = /^(?:(?:https?|ssh|git|file):\/\/[^\s-]|\.{0,2}\/|(?![-])(?:[\w.-]+@)?[\w.-]+:(?!\/\/|:))[^\s\0]*$/

export const gitSettings = z
  .strictObject({
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
    ref: z
      .string()
      .regex(refName, 'is no name of a ref\ngive a branch, a tag or a whole commit id')
      .optional()
      .describe("Branch, tag or full commit id; default: the remote's HEAD"),
    path: z
      .string()
      .refine(
        (path) => !/[\0\n]/.test(path) && !path.split('/').includes('..'),
        'must be a folder within the repository',
      )
      .default('')
      .describe('Folder of the manifests within the repository; default: its top'),
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
  })
  .superRefine((given, context) => {
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
  })

export type GitSettings = z.infer<typeof gitSettings>

/** Encrypted, or not leaving this machine. */
function isProtected(url: string): boolean {
  return /^(?:https:|http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?(?:\/|$))/i.test(url)
}

/** `base`: what relative paths are meant from. */
export function gitRemoteOf(settings: GitSettings, base: string): GitRemote {
  const { url, ref, token, username, ca, ssh_key: key, known_hosts: knownHosts } = settings
  const password = token ?? settings.password
  const ssh = {
    ...(key !== undefined && { key: resolve(base, key) }),
    ...(knownHosts !== undefined && { knownHosts: resolve(base, knownHosts) }),
  }
  return {
    url: /^\.{0,2}\//.test(url) ? pathToFileURL(resolve(base, url)).href : url,
    ref: ref ?? null,
    // GitHub wants a user of this name with tokens of apps; the others take any.
    ...(password !== undefined && { login: { username: username ?? 'x-access-token', password } }),
    ...(ca !== undefined && { ca: resolve(base, ca) }),
    ssh,
  }
}

/** As git has it: no '/' at either end, no '.' between. */
export function gitPathOf({ path }: GitSettings): string {
  return join('/', path).replace(/^\/|\/$/g, '')
}
