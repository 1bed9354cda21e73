import { z } from 'zod'
import { parseDuration } from '../../kernel/duration.ts'
import { AppError } from '../../kernel/errors.ts'
import { pageOf, pageQuery } from '../../kernel/page.ts'
import { route, serviceRights, type Route } from '../../kernel/route.ts'
import { tokens, type TokenRow } from '../access/token.ts'
import { selectPage } from '../paging.ts'
import { invalidRequest } from '../problem.ts'
import type { ApiParts } from './parts.ts'
import { instant } from './rows.ts'

const role = z.enum(['viewer', 'operator', 'admin'])
const scopes = z
  .object({
    syncs: z.array(z.string().max(200)).max(1000),
    kv: z.array(z.string().max(1024)).max(1000),
    services: z.array(z.enum(serviceRights)).max(serviceRights.length),
  })
  .partial()
  .nullable()
  .meta({
    description:
      'null: everything. Else only these syncs, keys that start with one of these prefixes, and these rights over ' +
      'services, of which none includes another',
  })
const subject = z.string().min(1).max(1024).nullable()

const Token = z.object({
  id: z.string(),
  name: z.string(),
  role,
  scopes,
  subject: subject.meta({ description: 'The one service or cluster that it may act for' }),
  createdAt: instant,
  createdBy: z.string(),
  expiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
  lastUsedAt: instant.nullable().meta({ description: 'A few minutes behind' }),
})

const NewToken = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/),
  role,
  scopes: scopes.default(null),
  subject: subject.default(null),
  expiresIn: z.string().optional().meta({ description: '12h, 30d; left out: until it is revoked' }),
})

function withoutHash({ hash: _hash, ...rest }: TokenRow): Omit<TokenRow, 'hash'> {
  return rest
}

const common = { role: 'admin', tag: 'access' } as const

export function tokenRoutes({ journal, clock, tokens: store }: ApiParts): readonly Route[] {
  const path = '/api/v1/tokens'
  return [
    route({
      ...common,
      method: 'GET',
      path,
      summary: 'List access tokens, the revoked ones too',
      query: z.object(pageQuery),
      response: pageOf(Token),
      async handle({ query }) {
        const { items, next } = await selectPage(journal, tokens, {}, path, query)
        return { body: { items: items.map(withoutHash), next } }
      },
    }),
    route({
      ...common,
      method: 'POST',
      path,
      summary: 'Create an access token; the answer is the only place that ever shows it',
      body: NewToken,
      response: Token.extend({ token: z.string() }),
      async handle({ body, caller }) {
        const { expiresIn, ...ask } = body
        const length = expiresIn === undefined ? null : parseDuration(expiresIn)
        if (expiresIn !== undefined && (length === null || length <= 0)) {
          throw invalidRequest([
            { in: 'body', pointer: '/expiresIn', detail: 'is not a length of time; write 12h or 30d' },
          ])
        }
        const expiresAt = length === null ? null : clock.now() + length
        const made = await store.create({ ...ask, scopes: plainScopes(ask.scopes), expiresAt }, caller.name)
        return { body: { ...withoutHash(made.row), token: made.text } }
      },
    }),
    route({
      ...common,
      method: 'DELETE',
      path: `${path}/:token`,
      summary: 'Revoke an access token by its id, at once',
      params: z.object({ token: z.string() }),
      response: Token,
      async handle({ params, caller }) {
        const row = await store.revoke(params.token, caller.name)
        if (row === null) throw new AppError('request.not-found', `There is no token with the id ${params.token}.`)
        return { body: withoutHash(row) }
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/caller',
      role: 'viewer',
      within: 'filtered',
      tag: 'access',
      summary: 'Show who the credentials are',
      response: z.object({ name: z.string(), role, scopes, subject }),
      handle: ({ caller }) => Promise.resolve({ body: caller }),
    }),
  ]
}

/** Without the fields that were not given. */
function plainScopes(asked: z.infer<typeof scopes>): TokenRow['scopes'] {
  if (asked === null) return null
  const { syncs, kv, services } = asked
  return { ...(syncs && { syncs }), ...(kv && { kv }), ...(services && { services }) }
}
