/**
 * What a bare node:http server does of the services' API: parses the same JSON, looks at its fields, answers the same,
 * and keeps nothing. Prints its port.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Item = { readonly [name in 'service_type' | 'poller_id' | 'checker_id']?: string }

const isItem = (item: Item) =>
  typeof item === 'object' && typeof (item.service_type ?? item.poller_id ?? item.checker_id) === 'string'

function answerTo(text: string): string {
  const body = JSON.parse(text) as Item | Item[]
  if (!Array.isArray(body)) return isItem(body) ? '{"result":"ok"}' : '{"result":"refused"}'
  const good = body.filter(isItem).length
  return `{"accepted":${good},"items":[]}`
}

const server = createServer((request, response) => {
  const send = (answer: string) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
    response.end(answer)
  }
  if (request.method === 'GET') {
    send('{"known":true,"status":"active"}')
    return
  }
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (part: string) => {
    text += part
  })
  request.on('end', () => send(answerTo(text)))
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
