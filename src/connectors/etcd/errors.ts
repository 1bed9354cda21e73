import { AppError, messageOf } from '../../kernel/errors.ts'

/** A failed gRPC call as @grpc/grpc-js reports it. */
export interface CallError extends Error {
  readonly code: number
  readonly details: string
}

/** Of google.rpc.Code, those that etcd uses and that we tell apart. */
export const status = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** As gRPC writes it; what never became a call counts as a server that is not there. */
export function nameOfCode(thrown: unknown): string {
  const code: number = isCallError(thrown) ? thrown.code : status.unavailable
  const name = Object.entries(status).find(([, number]) => number === code)?.[0] ?? 'unknown'
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

export function isCallError(thrown: unknown): thrown is CallError {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && 'details' in thrown
}

/** The texts stand in etcd's api/v3rpc/rpctypes/error.go; codes alone do not tell these apart. */
export const answers = {
  tokenInvalid: (error: CallError) =>
    error.code === status.unauthenticated ||
    error.details.includes('revision of auth store is old') ||
    error.details.includes('user name is empty'),
  authOff: (error: CallError) => error.details.includes('authentication is not enabled'),
  compacted: (error: CallError) => error.code === status.outOfRange,
  /** From our own side of the channel: the answer exceeds what we take. */
  answerTooLarge: (error: CallError) =>
    error.code === status.resourceExhausted && error.details.startsWith('Received message larger'),
  noLeader: (error: CallError) => error.code === status.unavailable && error.details.includes('no leader'),
  noSpace: (error: CallError) => error.details.includes('database space exceeded'),
}

/** Whether the server surely did nothing: it says so, or the call never left. */
function surelyNothing(error: CallError): boolean {
  return /no leader|not capable|too many requests|No connection established|ECONNREFUSED|is learner/i.test(
    error.details,
  )
}

/**
 * What the rest of the program hears of a failed call. `unavailable` may help itself in time;
 * `refused` comes again for the same request. `data.reason` tells apart what needs another answer.
 */
export function asAnswer(thrown: unknown, endpoint: string, writing: boolean): AppError {
  if (thrown instanceof AppError) return thrown
  const data = { endpoint }
  if (!isCallError(thrown)) {
    const unclear = writing ? { ...data, effect: 'unknown' } : data
    return new AppError('target.unavailable', `etcd at ${endpoint}: ${messageOf(thrown)}`, {
      cause: thrown,
      data: unclear,
    })
  }
  const details = (thrown.details || messageOf(thrown)).replace(/\.? Resolution note:.*$/s, '')
  const said = `etcd at ${endpoint}: ${details}`
  const refuse = (reason: string, hint = '') =>
    new AppError('target.refused', said + hint, { cause: thrown, data: { ...data, reason, effect: 'none' } })
  if (answers.noSpace(thrown)) {
    return refuse('no-space', '; compact and defragment it or raise --quota-backend-bytes, then etcdctl alarm disarm')
  }
  if (thrown.code === status.permissionDenied) return refuse('permission', '; grant the user the key prefix')
  if (thrown.code === status.unauthenticated) return refuse('credentials')
  if (thrown.details.includes('authentication failed')) return refuse('credentials', '; check username and password')
  if (/request is too large|received message larger|sent message larger/i.test(thrown.details))
    return refuse('too-large')
  if (thrown.code === status.invalidArgument || thrown.code === status.failedPrecondition) return refuse('invalid')
  const effect = writing && !surelyNothing(thrown) ? 'unknown' : 'none'
  return new AppError('target.unavailable', said, { cause: thrown, data: { ...data, effect } })
}
