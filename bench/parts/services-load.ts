/**
 * Heartbeats, registrations and look-ups of services over HTTP/1.1, from a process of its own. Run with ServicesLoad as
 * JSON; prints HttpResult, in requests. Every heartbeat and every registration differs from those before.
 */
import { load, talkOf, type SocketLoad } from './socket-load.ts'
import { memberOf, namesOf, registrationOf, type Member } from './services-fleet.ts'

export interface ServicesLoad extends SocketLoad {
  readonly what: 'beat' | 'batch' | 'register' | 'register-batch' | 'known'
  /** Services that are there already. */
  readonly services: number
  /** Items of a batch. */
  readonly batch?: number
  /** Registrations begin with this number. */
  readonly from?: number
  readonly token?: string
}

const asked = JSON.parse(process.argv[2]!) as ServicesLoad
const { services, batch = 100 } = asked
const credential = asked.token === undefined ? '' : `Authorization: Bearer ${asked.token}\r\n`
const host = `Host: 127.0.0.1:${asked.port}\r\n`

let serial = 0
let next = asked.from ?? services

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\n${host}${credential}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Uniform over all of them: a cache of the last thousand must not help. */
const anyone = () => Math.floor(Math.random() * services)

function stamp(): string {
  serial += 1
  return new Date(Date.now()).toISOString()
}

function beatOf(number: number, at: string): string {
  const member = memberOf(number)
  return `{"service_type":"${member.type}",${namesOf(member)},"timestamp":"${at}","healthy":true}`
}

/** The stamp goes between pieces that are made once: making bodies must not be what is measured. */
function createBatches(): () => string {
  const mark = '§'
  const pages = Array.from({ length: 64 }, () => {
    const items = Array.from({ length: batch }, () => beatOf(anyone(), mark))
    return `[${items.join(',')}]`.split(mark)
  })
  return () => {
    const at = stamp()
    return post('/api/services/heartbeats', pages[serial % pages.length]!.join(at))
  }
}

/** New ones: checkers below agents that are there, or pollers where nobody is. */
function newcomer(): Member {
  const id = `${memberOf(next).id}.new`
  next += 1
  if (services === 0) return { type: 'poller', id, parent: '' }
  const subtree = Math.floor(Math.random() * (services / 100)) * 100
  return { type: 'checker', id, parent: memberOf(subtree + 1 + (next % 9)).id }
}

const newPath = `/api/admin/services/${services === 0 ? 'pollers' : 'checkers'}`
const registration = () => post(newPath, registrationOf(newcomer()))
const registrations = () =>
  post(newPath, `[${Array.from({ length: batch }, () => registrationOf(newcomer())).join(',')}]`)

const pollers = Math.ceil(services / 100)

function lookUp(): string {
  const { id } = memberOf(Math.floor(Math.random() * pollers) * 100)
  return `GET /api/services/known/${id} HTTP/1.1\r\n${host}${credential}\r\n`
}

const makers: Readonly<Record<ServicesLoad['what'], () => () => string>> = {
  'beat': () => () => post('/api/services/heartbeat', beatOf(anyone(), stamp())),
  'batch': createBatches,
  'register': () => registration,
  'register-batch': () => registrations,
  'known': () => lookUp,
}

function isGood(text: string): boolean {
  const good = text.startsWith('HTTP/1.1 20') && !text.includes('"result":"refused"')
  if (!good) process.stderr.write(`${text.slice(0, 400)}\n`)
  return good
}

load(asked, () => talkOf(makers[asked.what](), isGood))
