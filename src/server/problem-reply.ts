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

/** The query may hold what must not be repeated. */
export function pathOf({ url }: Pick<FastifyRequest, 'url'>): string {
  return url.split('?', 1)[0]!
}

export function sendProblem(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): FastifyReply {
  const error = requestError(thrown)
  if (error.class === 'bug') {
    // The pattern, not the path: a path may hold what must not reach the log.
    const where = { id: request.id, method: request.method, route: request.routeOptions.url }
    logger.error({ ...where, err: error.cause ?? error, code: error.code }, 'request failed by a fault of ours')
  }
  const problem = problemOf(error, request.id)
  if (error.code === 'request.unauthenticated') reply.header('www-authenticate', 'Bearer realm="regista"')
  if (typeof problem['allow'] === 'string') reply.header('allow', problem['allow'])
  const wait = problem['retryAfter'] ?? (problem.status === 503 ? 5 : undefined)
  if (typeof wait === 'number') reply.header('retry-after', String(wait))
  return reply
    .code(problem.status)
    .headers({ 'content-type': problemType, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    .send(JSON.stringify(problem))
}
