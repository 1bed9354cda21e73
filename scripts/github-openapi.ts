/**
 * Takes what the GitHub client uses out of GitHub's OpenAPI description, so that tests can hold requests and fake
 * answers against it: the package with all of it unpacks to 385 MB (2026-11), this is some 100 kB.
 *
 *   node scripts/github-openapi.ts PATH/@octokit/openapi/generated/api.github.com.json
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const operations: Readonly<Record<string, readonly string[]>> = {
  '/repos/{owner}/{repo}': ['get'],
  '/repos/{owner}/{repo}/branches/{branch}': ['get'],
  '/repos/{owner}/{repo}/compare/{basehead}': ['get'],
  '/repos/{owner}/{repo}/contents/{path}': ['get'],
  '/repos/{owner}/{repo}/git/blobs': ['post'],
  '/repos/{owner}/{repo}/git/blobs/{file_sha}': ['get'],
  '/repos/{owner}/{repo}/git/commits': ['post'],
  '/repos/{owner}/{repo}/git/commits/{commit_sha}': ['get'],
  '/repos/{owner}/{repo}/git/matching-refs/{ref}': ['get'],
  '/repos/{owner}/{repo}/git/refs': ['post'],
  '/repos/{owner}/{repo}/git/refs/{ref}': ['patch', 'delete'],
  '/repos/{owner}/{repo}/git/trees': ['post'],
  '/repos/{owner}/{repo}/issues/{issue_number}/comments': ['get', 'post'],
  '/repos/{owner}/{repo}/issues/{issue_number}/labels': ['post'],
  '/repos/{owner}/{repo}/pulls': ['get', 'post'],
  '/repos/{owner}/{repo}/pulls/{pull_number}': ['patch'],
  '/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers': ['post'],
  '/app/installations/{installation_id}/access_tokens': ['post'],
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
type JsonObject = { [name: string]: Json }

/** Words for people. */
const prose = new Set(['description', 'summary', 'example', 'examples', 'externalDocs', 'tags', 'operationId', 'title'])
/** Under these the names are the description's own, and may be any word. */
const named = new Set(['properties', 'schemas', 'responses', 'parameters', 'headers', 'content'])

function strip(value: Json, names = false): Json {
  if (Array.isArray(value)) return value.map((one) => strip(one))
  if (value === null || typeof value !== 'object') return value
  const kept = Object.entries(value).filter(([name]) => names || (!prose.has(name) && !name.startsWith('x-')))
  return Object.fromEntries(kept.map(([name, one]) => [name, strip(one, named.has(name) && !names)]))
}

function* references(value: Json): Iterable<string> {
  if (value === null || typeof value !== 'object') return
  if (!Array.isArray(value) && typeof value['$ref'] === 'string') yield value['$ref']
  for (const one of Object.values(value)) yield* references(one)
}

function at(document: JsonObject, path: readonly string[]): Json {
  let found: Json = document
  for (const name of path) found = (found as JsonObject)[name] ?? null
  if (found === null) throw new Error(`${path.join(' ')} is not in it`)
  return found
}

function extract(document: JsonObject): JsonObject {
  const paths: JsonObject = {}
  for (const [path, methods] of Object.entries(operations)) {
    paths[path] = Object.fromEntries(methods.map((method) => [method, strip(at(document, ['paths', path, method]))]))
  }
  const components: { [kind: string]: JsonObject } = {}
  const open = [...references(paths)]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [, , kind = '', name = ''] = next.split('/')
    const known = (components[kind] ??= {})
    if (name in known) continue
    const part = strip(at(document, ['components', kind, name]))
    known[name] = part
    open.push(...references(part))
  }
  const version = at(document, ['info', 'version']) as string
  const from = `@octokit/openapi ${version}, api.github.com.json, MIT; see scripts/github-openapi.ts`
  return { from, paths, components }
}

const [given] = process.argv.slice(2)
if (given === undefined) throw new Error('give the path of api.github.com.json')
const found = extract(JSON.parse(readFileSync(given, 'utf8')) as JsonObject)
const target = join(import.meta.dirname, '../src/connectors/github/testing/openapi.json')
// A line for each schema and path, so that a newer one shows what is different.
writeFileSync(target, `${JSON.stringify(found).replaceAll('},"', '},\n"')}\n`)
