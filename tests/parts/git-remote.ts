/** A Git repository as others keep it, to be read over file:// or over HTTP with a password. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPart } from './find.ts'

export type FileMode = '100644' | '100755' | '120000' | '160000'

export interface GitOrigin extends Disposable {
  readonly folder: string
  /** file:// */
  readonly url: string
  git(...args: readonly string[]): string
  /** Replaces everything on the branch, as one commit on top; gives its id. Values of links are paths, of submodules commits. */
  commit(files: ReadonlyMap<string, FileContent>, options?: CommitOptions): string
}

export type FileContent = string | Buffer | { readonly mode: FileMode; readonly text: string }

export interface CommitOptions {
  readonly branch?: string
  /** Without a parent: history is rewritten. */
  readonly rewrite?: boolean
  /** Seconds since 1970. */
  readonly at?: number
}

export function gitOrigin(): GitOrigin {
  const scratch = mkdtempSync(join(tmpdir(), 'regista-origin-'))
  const folder = join(scratch, 'origin.git')
  const env = { PATH: process.env['PATH'], HOME: scratch, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' }
  const run = (args: readonly string[], input?: Buffer) =>
    execFileSync(findPart('git')!, args, { cwd: scratch, env, input, stdio: 'pipe', maxBuffer: 1 << 28 })
      .toString('utf8')
      .trim()
  run(['init', '--quiet', '--bare', '--initial-branch=main', folder])
  const git = (...args: readonly string[]) => run(['--git-dir', folder, ...args])
  return {
    folder,
    url: `file://${folder}`,
    git,
    commit(files, { branch = 'main', rewrite = false, at = 1_700_000_000 } = {}) {
      const name = `refs/heads/${branch}`
      const parent = rewrite ? '' : git('for-each-ref', '--format=%(objectname)', name)
      run(['--git-dir', folder, 'fast-import', '--quiet', '--force'], importStream(files, name, parent, at))
      return git('rev-parse', name)
    },
    [Symbol.dispose]: () => rmSync(scratch, { recursive: true, force: true }),
  }
}

/** As `git fast-import` reads it. */
function importStream(files: ReadonlyMap<string, FileContent>, name: string, parent: string, at: number): Buffer {
  const pieces: Buffer[] = []
  const say = (text: string) => void pieces.push(Buffer.from(text))
  say(`commit ${name}\ncommitter somebody <somebody@example.org> ${at} +0100\ndata 4\nwork\n`)
  say(parent === '' ? '' : `from ${parent}\n`)
  say('deleteall\n')
  for (const [path, content] of files) {
    const { mode, text } =
      typeof content === 'string' || Buffer.isBuffer(content) ? { mode: '100644', text: content } : content
    const quoted = `"${path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`
    if (mode === '160000') {
      say(`M 160000 ${text.toString()} ${quoted}\n`)
      continue
    }
    const bytes = Buffer.from(text)
    say(`M ${mode} inline ${quoted}\ndata ${bytes.length}\n`)
    pieces.push(bytes, Buffer.from('\n'))
  }
  return Buffer.concat(pieces)
}

export interface GitServer extends AsyncDisposable {
  readonly url: string
  /** The address that it listens on, without the repository. */
  readonly base: string
  /** One line per request. */
  readonly requests: string[]
}

export interface ServeOptions {
  readonly username?: string
  readonly password?: string
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Answers instead of git when it returns true. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean
}

/** Serves it by `git http-backend`, on a free port of the loopback interface. */
export async function serveGit(
  origin: GitOrigin,
  { username, password, tls, before }: ServeOptions = {},
): Promise<GitServer> {
  const requests: string[] = []
  const allowed = password === undefined ? null : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const listener: RequestListener = (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    if (before?.(request, response)) return
    if (allowed !== null && request.headers.authorization !== allowed) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
      return
    }
    answer(origin, request, response)
  }
  const server = tls
    ? createHttpsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, listener)
    : createHttpServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    base,
    url: `${base}/origin.git`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** One CGI call (RFC 3875). */
function answer(origin: GitOrigin, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url!, 'http://localhost')
  const header = (name: string) => String(request.headers[name] ?? '')
  const env = {
    PATH: process.env['PATH'],
    GIT_PROJECT_ROOT: join(origin.folder, '..'),
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: pathname,
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: request.method,
    CONTENT_TYPE: header('content-type'),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    GIT_PROTOCOL: header('git-protocol'),
    REMOTE_ADDR: '127.0.0.1',
  }
  const child = spawn(findPart('git')!, ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] })
  request.pipe(child.stdin).on('error', () => {})
  response.on('close', () => child.kill())
  let head = Buffer.alloc(0)
  let begun = false
  child.stdout.on('data', (piece: Buffer) => {
    if (begun) return void response.write(piece)
    head = Buffer.concat([head, piece])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    begun = true
    const fields = head
      .toString('latin1', 0, end)
      .split('\r\n')
      .map((line) => line.split(/: */, 2) as [string, string])
    const status = Number.parseInt(fields.find(([name]) => name === 'Status')?.[1] ?? '200', 10)
    response.writeHead(status, Object.fromEntries(fields.filter(([name]) => name !== 'Status')))
    response.write(head.subarray(end + 4))
  })
  child.on('close', () => response.end())
}
