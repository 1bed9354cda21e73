/** Whom the fake registry lets in, and the tokens that it gives out. */
import { randomUUID } from 'node:crypto'
import type { Answer } from './fake-faults.ts'

export interface FakeAuth {
  readonly kind: 'basic' | 'bearer'
  readonly username: string
  readonly password: string
  /** Taken in a POST for a token, in the place of the password. */
  readonly identityToken?: string
  /** Who shows nothing gets tokens for these repositories. */
  readonly open?: readonly string[] | 'all'
  /** A token lets into each of these, whichever it was given out for (ghcr.io). */
  readonly shared?: true
  /** Beside tokens, a name and a password with each request (Gitea). */
  readonly takesBasic?: true
  /** Repositories that the user may not read. */
  readonly closed?: readonly string[]
  /** Seconds, as told; null: not told. */
  readonly expiresIn?: number | null
  /** Seconds that a token is really good for; as told by default. */
  readonly lifetime?: number
  /** Lines of `www-authenticate` in the place of the usual one. */
  readonly challenge?: (usual: string, realm: string, scope: string) => readonly string[]
}

export interface Door {
  /** null: come in. */
  refuse(repository: string, authorization: string | undefined): Answer | null
  /** The answer of the token server. `form`: what a POST had in its body. */
  token(query: URLSearchParams, authorization: string | undefined, form: URLSearchParams | null): Answer
  /** All tokens that are out are good no more. */
  revoke(): void
}

interface Given {
  readonly repositories: readonly string[]
  readonly until: number
}

const service = 'fake registry'

export function createDoor(auth: FakeAuth, realm: string, now: () => number): Door {
  const out = new Map<string, Given>()
  const right = `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`

  function refuseWith(repository: string, error: string | null): Answer {
    const scope = `repository:${repository}:pull`
    const usual =
      auth.kind === 'basic'
        ? 'Basic realm="fake registry"'
        : `Bearer realm="${realm}",service="${service}",scope="${scope}"${error === null ? '' : `,error="${error}"`}`
    return {
      status: 401,
      headers: {
        'content-type': 'application/json',
        'www-authenticate': auth.challenge?.(usual, realm, scope) ?? usual,
      },
      body: Buffer.from('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'),
    }
  }

  const isOpen = (repository: string) => auth.open === 'all' || auth.open?.includes(repository) === true
  const mayRead = (repository: string, known: boolean) =>
    known ? !auth.closed?.includes(repository) : isOpen(repository)

  return {
    refuse(repository, authorization) {
      if (auth.kind === 'basic' || (auth.takesBasic && /^basic /i.test(authorization ?? ''))) {
        return authorization === right && mayRead(repository, true) ? null : refuseWith(repository, null)
      }
      const token = /^bearer (.*)$/i.exec(authorization ?? '')?.[1]
      const given = token === undefined ? undefined : out.get(token)
      if (token === undefined) return refuseWith(repository, null)
      if (given === undefined || given.until <= now()) return refuseWith(repository, 'invalid_token')
      const lets = given.repositories.includes(repository) || (auth.shared === true && isOpen(repository))
      return lets ? null : refuseWith(repository, 'insufficient_scope')
    },
    token(query, authorization, form) {
      const asked = form ?? query
      const known = form ? form.get('refresh_token') === auth.identityToken : authorization === right
      const headers = { 'content-type': 'application/json' }
      const shown = form !== null || authorization !== undefined
      if (asked.get('service') !== service || (shown && !known) || (form && auth.identityToken === undefined)) {
        return { status: 401, headers, body: Buffer.from('{"errors":[{"code":"UNAUTHORIZED"}]}') }
      }
      const scopes = asked.getAll('scope').flatMap((scope) => scope.split(' '))
      const repositories = scopes
        .map((scope) => /^repository:(.*):[^:]*\bpull\b/.exec(scope)?.[1])
        .filter((repository) => repository !== undefined && mayRead(repository, known)) as string[]
      const token = `token-${randomUUID()}`
      const { expiresIn = 300 } = auth
      // 60 s where nothing is told (distribution, docs/spec/auth/token.md).
      out.set(token, { repositories, until: now() + (auth.lifetime ?? expiresIn ?? 60) * 1000 })
      const told = expiresIn === null ? {} : { expires_in: expiresIn }
      const body = { [form ? 'access_token' : 'token']: token, ...told }
      return { status: 200, headers, body: Buffer.from(JSON.stringify(body)) }
    },
    revoke: () => out.clear(),
  }
}
