/** /openapi.json and /docs: the API described. The page is one HTML file without scripts, made from the document. */
import { z } from 'zod'
import type { JsonObject } from '../kernel/json.ts'
import { route, type Route } from '../kernel/route.ts'
import { openapiDocument } from './openapi.ts'

/** `routes`: everything that is served, these two included. */
export function docsRoutes(routes: () => readonly Route[], version: string): readonly Route[] {
  let document: JsonObject | undefined
  const made = () => (document ??= openapiDocument(routes(), version))
  return [
    route({
      method: 'GET',
      path: '/openapi.json',
      role: 'public',
      tag: 'description',
      summary: 'Describe the API in OpenAPI 3.1',
      response: z.looseObject({ openapi: z.string() }),
      handle: () => Promise.resolve({ body: made() }),
    }),
    route({
      method: 'GET',
      path: '/docs',
      role: 'public',
      tag: 'description',
      summary: 'Describe the API on a page',
      response: z.string().meta({ contentType: 'text/html' }),
      handle: () => Promise.resolve({ body: docsPage(made()), headers: pageHeaders }),
    }),
  ]
}

const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}

const style = `
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  h2 { margin: 2rem 0 .5rem; text-transform: capitalize }
  details { border-top: 1px solid #8884; padding: .4rem 0 }
  summary { cursor: pointer }
  summary b { display: inline-block; width: 4rem; font-family: ui-monospace, monospace }
  code, pre { font: 13px ui-monospace, monospace }
  pre { overflow: auto; background: #8881; padding: .6rem }
  td { padding: .1rem 1rem .1rem 0; vertical-align: top }
`

export function docsPage(document: JsonObject): string {
  const info = document['info'] as { title: string; version: string; description: string }
  const operations = Object.entries(document['paths'] as Record<string, Record<string, JsonObject>>).flatMap(
    ([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const byTag = Map.groupBy(operations, ({ operation }) => String((operation['tags'] as string[])[0]))
  const sections = [...byTag]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([tag, those]) => `<h2>${escape(tag)}</h2>${those.map(operationHtml).join('')}`)
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(info.title)} API</title>` +
    `<meta name="viewport" content="width=device-width"><style>${style}</style>` +
    `<h1>${escape(info.title)} API ${escape(info.version)}</h1><p>${escape(info.description)} ` +
    `<a href="openapi.json">OpenAPI document</a></p>${sections.join('')}`
  )
}

function operationHtml({ path, method, operation }: { path: string; method: string; operation: JsonObject }): string {
  const parameters = (operation['parameters'] ?? []) as JsonObject[]
  const rows = parameters.map(
    (one) =>
      `<tr><td><code>${escape(one['name'])}</code><td>${escape(one['in'])}${one['required'] === true ? ', required' : ''}` +
      `<td>${escape(one['description'] ?? '')}<td><code>${escape(JSON.stringify(one['schema']))}</code>`,
  )
  return (
    `<details><summary><b>${escape(method.toUpperCase())}</b> <code>${escape(path)}</code> ` +
    `${escape(operation['summary'])}</summary><p>${escape(operation['description'])}</p>` +
    (rows.length > 0 ? `<table>${rows.join('')}</table>` : '') +
    schemaHtml('Body', operation['requestBody']) +
    schemaHtml('Answer', (operation['responses'] as JsonObject)['200']) +
    '</details>'
  )
}

function schemaHtml(title: string, holder: unknown): string {
  const content = (holder as { content?: Record<string, { schema?: unknown }> } | undefined)?.content
  if (content === undefined) return ''
  const [type, media] = Object.entries(content)[0]!
  return `<p>${title} (${escape(type)})</p><pre>${escape(JSON.stringify(media.schema, null, 2))}</pre>`
}

function escape(text: unknown): string {
  return String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
