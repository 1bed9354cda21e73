/** Asks the watch that holds the state folder, through its socket. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { holderSocket } from '../../../drop-in.ts'
import type { Ms } from '../../../kernel/clock.ts'
import { messageOf } from '../../../kernel/errors.ts'
import { otherSync, type Health, type PassLine, type PassWish } from './door.ts'
import type { Log, Statistics } from './output.ts'

/** `nobody`: no process that keeps this sync listens there. `broken`: it does, and it cannot be done. */
export type Asked =
  | { readonly is: 'nobody' }
  | { readonly is: 'done'; readonly statistics: Statistics; readonly ok: boolean }
  | { readonly is: 'broken'; readonly why: string }

const endedEarly = 'the watch that ran it ended before it was done'

export async function askForPass(folder: string, wish: PassWish, log: Log, signal: AbortSignal): Promise<Asked> {
  let reply: IncomingMessage
  try {
    reply = await send(folder, 'POST', '/pass', wish, signal)
  } catch (thrown) {
    if (isNobody(thrown)) return { is: 'nobody' }
    log('DEBUG', messageOf(thrown))
    return { is: 'broken', why: endedEarly }
  }
  if (reply.statusCode === otherSync) {
    reply.resume()
    return { is: 'nobody' }
  }
  let last: Asked = { is: 'broken', why: endedEarly }
  try {
    for await (const text of createInterface({ input: reply })) {
      const line = JSON.parse(text) as PassLine
      if ('level' in line) log(line.level, line.message)
      else if ('error' in line) last = { is: 'broken', why: line.error }
      else last = { is: 'done', ...line }
    }
  } catch (thrown) {
    // A line that was cut off, or a connection: both mean that nobody will say how it ended.
    log('DEBUG', messageOf(thrown))
  }
  return last
}

/** null: no process listens there. */
export async function askForHealth(folder: string, bound: Ms): Promise<Health | null> {
  try {
    const reply = await send(folder, 'GET', '/health', undefined, AbortSignal.timeout(bound))
    let text = ''
    for await (const chunk of reply.setEncoding('utf8')) text += chunk as string
    return reply.statusCode === 200 ? (JSON.parse(text) as Health) : null
  } catch (thrown) {
    if (isNobody(thrown)) return null
    throw thrown
  }
}

function send(folder: string, method: string, path: string, body: unknown, signal: AbortSignal) {
  const socketPath = holderSocket(folder)
  return new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, host: 'localhost', agent: false, signal }, resolve)
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function isNobody(thrown: unknown): boolean {
  const { code = '' } = thrown as NodeJS.ErrnoException
  return ['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'EACCES', 'EINVAL', 'ENAMETOOLONG'].includes(code)
}
