/** Answers whatever goes wrong with a problem document. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logger.ts'
import { problemOf, problemType, requestError } from './problem.ts'

export function answerProblems(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((thrown, request, reply) => sendProblem(thrown, request, reply, logger))
  app.setNotFoundHandler((request, reply) => {
    const missing = new AppError('request.not-found', `There is nothing at ${pathOf(request)}.`)
    return sendProblem(missing, request, reply, logger)
  })
}

/**
 * The query may hold what must not be repeated. So may the path: the addresses of some webhooks are secrets, which
 * have 24 letters at least, and may be written wrongly.
 */
function pathOf({ url }: Pick<FastifyRequest, 'url'>): string {
  const parts = url.split('?', 1)[0]!.split('/')
  return parts.map((part) => (part.length < 24 ? part : '…')).join('/')
}

export function sendProblem(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): FastifyReply {
  const where = { id: request.id, method: request.method, route: request.routeOptions.url }
  const { status, headers, body } = problemAnswer(thrown, where, logger)
  return reply.code(status).headers(headers).send(body)
}

export interface ProblemAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** `route` is the pattern, not the path: a path may hold what must not reach the log. */
export function problemAnswer(
  thrown: unknown,
  where: { readonly id: string; readonly method: string; readonly route: string | undefined },
  logger: Logger,
): ProblemAnswer {
  const error = requestError(thrown)
  if (error.class === 'bug') {
    logger.error({ ...where, err: error.cause ?? error, code: error.code }, 'request failed by a fault of ours')
  }
  const problem = problemOf(error, where.id)
  const wait = problem['retryAfter'] ?? (problem.status === 503 ? 5 : undefined)
  const headers = {
    ...(error.code === 'request.unauthenticated' && { 'www-authenticate': 'Bearer realm="regista"' }),
    ...(typeof problem['allow'] === 'string' && { allow: problem['allow'] }),
    ...(typeof wait === 'number' && { 'retry-after': String(wait) }),
    'content-type': problemType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  }
  return { status: problem.status, headers, body: JSON.stringify(problem) }
}
