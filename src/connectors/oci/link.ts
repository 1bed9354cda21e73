/** The target of the link with `rel=next` (RFC 8288), or null. A header holds several links, and there may be several headers. */
export function nextOf(headers: readonly string[]): string | null {
  for (const header of headers) {
    for (const [, target = '', parameters = ''] of header.matchAll(link)) {
      const relations = relation.exec(parameters)
      const names = (relations?.[1] ?? relations?.[2] ?? '').toLowerCase().split(/\s+/)
      if (names.includes('next')) return target.trim()
    }
  }
  return null
}

const link = /<([^<>]*)>((?:[ \t]*;[ \t]*[^\s=;,"]+(?:[ \t]*=[ \t]*(?:"(?:[^"\\]|\\.)*"|[^\s",;]*))?)*)/g
const relation = /;[ \t]*rel[ \t]*=[ \t]*(?:"([^"]*)"|([^\s",;]+))/i
