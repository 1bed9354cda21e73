/**
 * A registry of images for trying things out: a folder of manifests, read only. registry/team/shop/v1.0.0 is the tag
 * v1.0.0 of team/shop; to push a tag, write a file. It holds no layers, so nothing can be pulled from it.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const root = join(import.meta.dirname, 'registry')
const port = Number(process.argv[2] ?? 5000)

/** What names and tags are made of: nothing of it leads out of the folder. */
const paths = /^\/v2\/([a-z0-9]+(?:[._/-][a-z0-9]+)*)\/(?:tags\/list|manifests\/(\w[\w.-]*|sha256:[0-9a-f]{64}))$/

const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

function manifestOf(folder, reference) {
  if (!reference.startsWith('sha256:')) {
    return existsSync(join(folder, reference)) ? readFileSync(join(folder, reference)) : null
  }
  const all = readdirSync(folder).map((tag) => readFileSync(join(folder, tag)))
  return all.find((bytes) => digestOf(bytes) === reference) ?? null
}

function answer(url) {
  if (url === '/v2/') return { status: 200, headers: {}, body: Buffer.from('{}') }
  const [, name = '', reference] = paths.exec(url.split('?', 1)[0]) ?? []
  const folder = join(root, name)
  const missing = { status: 404, headers: {}, body: Buffer.from('{"errors":[{"code":"NAME_UNKNOWN"}]}') }
  if (name === '' || !existsSync(folder)) return missing
  if (reference === undefined) {
    return {
      status: 200,
      headers: {},
      body: Buffer.from(JSON.stringify({ name, tags: readdirSync(folder).toSorted() })),
    }
  }
  const bytes = manifestOf(folder, reference)
  if (bytes === null) return missing
  const headers = { 'content-type': JSON.parse(bytes).mediaType, 'docker-content-digest': digestOf(bytes) }
  return { status: 200, headers, body: bytes }
}

const server = createServer((request, response) => {
  const { status, headers, body } = answer(request.url)
  const length = { 'content-type': 'application/json', ...headers, 'content-length': body.length }
  response.writeHead(status, length).end(request.method === 'HEAD' ? undefined : body)
})

server.listen(port, '127.0.0.1', () => {
  process.stdout.write(`the registry listens on http://127.0.0.1:${server.address().port}\n`)
})
