/** Gives out tokens for a registry as the distribution project specifies it (docs/spec/auth/token.md), signed with RS256. */
import { execFileSync } from 'node:child_process'
import { createPrivateKey, randomUUID, sign, type KeyObject } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer as createPlain, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Certificates } from './certificates.ts'
import { findPart } from './find.ts'

export interface TokenServerOptions {
  readonly folder: string
  readonly user: string
  readonly password: string
  /** Who shows none gets tokens for pulling. */
  readonly anonymous?: boolean
  /** Seconds, as told to clients; null: not told. Default 300. */
  readonly expiresIn?: number | null
  /** Seconds after which the registry takes a token no more; as told by default. */
  readonly lifetime?: number
  /** The field that the token comes in; the specification has both. */
  readonly field?: 'token' | 'access_token'
  readonly certificates: Certificates | null
}

export interface TokenServer extends AsyncDisposable {
  readonly realm: string
  readonly service: string
  readonly issuer: string
  /** PEM file with the certificate of the signing key. */
  readonly bundle: string
  /** What `docker login` keeps instead of a password; the server takes it in a POST. */
  readonly identityToken: string
  readonly calls: readonly TokenCall[]
  /** A token for anything, as the owner has it. */
  mint(repository: string, actions: readonly string[], lifetime?: number): string
  /** Answers to come: their expiry, or a status that is given instead. */
  set(change: { expiresIn?: number | null; lifetime?: number; refuse?: number | null }): void
}

export interface TokenCall {
  readonly method: string
  readonly user: string | null
  readonly scopes: readonly string[]
  readonly service: string | null
  readonly status: number
}

/** The registry takes a token for so long after it has ended (distribution, registry/auth/token/token.go). */
const leewaySeconds = 60

export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const { key, certificate, bundle } = makeSigner(options.folder)
  const service = 'test registry'
  const issuer = 'test issuer'
  const identityToken = `identity-${randomUUID()}`
  const calls: TokenCall[] = []
  let { expiresIn = 300, lifetime } = options
  let refuse: number | null = null

  function mint(access: readonly Access[], seconds: number): string {
    const now = Math.floor(Date.now() / 1000)
    const header = { typ: 'JWT', alg: 'RS256', x5c: [certificate] }
    const claims = {
      iss: issuer,
      sub: '',
      aud: service,
      exp: now + seconds - leewaySeconds,
      // Before its end, however short it lives.
      nbf: now - 3600,
      iat: now,
      jti: randomUUID(),
      access,
    }
    const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
  }

  const listener: RequestListener = (incoming, answer) => {
    void (async () => {
      const { user, scopes, asked } = await readAsk(incoming, options, identityToken)
      const allowed = user !== null ? ['pull', 'push', 'delete'] : options.anonymous ? ['pull'] : null
      const status = refuse ?? (user === 'wrong' || allowed === null ? 401 : 200)
      calls.push({ method: String(incoming.method), user, scopes, service: asked, status })
      if (status !== 200) return void answer.writeHead(status).end('{"errors":[{"code":"UNAUTHORIZED"}]}')
      const access = scopes.map((scope) => accessOf(scope, allowed!))
      const token = mint(access, lifetime ?? expiresIn ?? 60)
      const field = incoming.method === 'POST' ? 'access_token' : (options.field ?? 'token')
      const told = expiresIn === null ? {} : { expires_in: expiresIn }
      answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ [field]: token, ...told }))
    })()
  }

  const { certificates } = options
  const tls = certificates && {
    cert: readFileSync(certificates.server.cert),
    key: readFileSync(certificates.server.key),
  }
  const server = tls ? createTls(tls, listener) : createPlain(listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    realm: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/token`,
    service,
    issuer,
    bundle,
    identityToken,
    calls,
    mint: (name, actions, seconds = 3600) => mint([{ type: 'repository', name, actions }], seconds),
    set(change) {
      if (change.expiresIn !== undefined) ({ expiresIn } = change)
      if (change.lifetime !== undefined) ({ lifetime } = change)
      if (change.refuse !== undefined) ({ refuse } = change)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

interface Access {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

function accessOf(scope: string, allowed: readonly string[]): Access {
  const [type = '', ...rest] = scope.split(':')
  const actions = (rest.pop() ?? '').split(',').filter((action) => allowed.includes(action))
  return { type, name: rest.join(':'), actions }
}

/** `user` is 'wrong' where credentials were shown that are not right. */
async function readAsk(incoming: IncomingMessage, { user, password }: TokenServerOptions, identityToken: string) {
  const url = new URL(String(incoming.url), 'http://localhost')
  if (incoming.method === 'POST') {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    const known = form.get('grant_type') === 'refresh_token' && form.get('refresh_token') === identityToken
    const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '))
    return { user: known ? user : 'wrong', scopes, asked: form.get('service') }
  }
  const shown = incoming.headers.authorization
  const right = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const who = shown === undefined ? null : shown === right ? user : 'wrong'
  return { user: who, scopes: url.searchParams.getAll('scope'), asked: url.searchParams.get('service') }
}

function makeSigner(folder: string): { key: KeyObject; certificate: string; bundle: string } {
  mkdirSync(folder, { recursive: true })
  const files = { key: join(folder, 'token.key'), bundle: join(folder, 'token.pem') }
  const kind = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=token signer']
  const args = ['req', '-x509', ...kind, '-keyout', files.key, '-out', files.bundle]
  execFileSync(findPart('openssl')!, args, { stdio: 'pipe' })
  const certificate = readFileSync(files.bundle, 'utf8').replaceAll(/-----[^-]+-----|\s/g, '')
  return { key: createPrivateKey(readFileSync(files.key)), certificate, bundle: files.bundle }
}
