/**
 * Posts of claims over HTTP/1.1 from a process of its own: bare sockets kept alive, one request at a time on each.
 * Run with ClaimsLoad as JSON; prints HttpResult, in requests.
 */
import { load, talkOf, type SocketLoad } from './socket-load.ts'

export interface ClaimsLoad extends SocketLoad {
  /** Statuses of one request; 1: posts as the original's informers send them. */
  readonly batch: number
  /** Each request says something new. */
  readonly changing: boolean
}

const asked = JSON.parse(process.argv[2]!) as ClaimsLoad
/** Of all clusters together; each connection speaks for one. */
const allClaims = 10_000
const claims = Math.ceil(allClaims / asked.connections)

let serial = 0

const message = 'Unready resources: network, disk, and 1 more; last seen'

function head(method: string, path: string, length: number): string {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${asked.port}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
}

function single(connection: number): string {
  serial += 1
  const mark = String(asked.changing ? serial : 0).padStart(10, '0')
  const body = `{"cluster":"cluster-${connection}","claimRef":"default/claim-${serial % claims}","statusMessage":"${message} ${mark}"}`
  return head('POST', '/api/v1/status', body.length) + body
}

/** Where the changing part goes, the pieces are joined: making bodies must not be what is measured. */
function createBatches(connection: number): () => string {
  const pages = Math.max(1, Math.floor(claims / asked.batch))
  const pieces = Array.from({ length: pages }, (_, page) => piecesOf(connection, page))
  const texts = pieces.map((parts) => parts.join('0000000000'))
  let turn = 0
  return () => {
    turn += 1
    serial += 1
    const page = turn % pages
    const body = asked.changing ? pieces[page]!.join(String(serial).padStart(10, '0')) : texts[page]!
    return head('POST', '/api/v1/status/batch', body.length) + body
  }
}

function piecesOf(connection: number, page: number): string[] {
  const items = Array.from({ length: asked.batch }, (_, index) => {
    const name = `claim-${page * asked.batch + index}`
    const object = `"group":"resources.example.org","kind":"Database","namespace":"default","name":"${name}"`
    const named = `"cluster":"cluster-${connection}","claimRef":"default/${name}",${object}`
    return `{${named},"health":"creating","generation":3,"statusMessage":"${message} §"}`
  })
  return `{"cluster":"cluster-${connection}","items":[${items.join(',')}]}`.split('§')
}

load(asked, (connection) =>
  talkOf(asked.batch === 1 ? () => single(connection) : createBatches(connection), (text) =>
    text.startsWith('HTTP/1.1 20'),
  ),
)
