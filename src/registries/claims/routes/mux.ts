/** Which request is meant, by the rules of Go 1.22's ServeMux for the original's five patterns. Pure. */

export type Meant =
  | { readonly is: 'post' | 'list' | 'healthz' | 'version' }
  | { readonly is: 'list-of'; readonly cluster: string }
  | { readonly is: 'other'; readonly path: string }
  | { readonly is: 'not-allowed'; readonly allow: string }
  /** `html`: the body that a GET gets. */
  | { readonly is: 'moved'; readonly location: string; readonly html: string }
  | { readonly is: 'bad' }

const statuses = '/api/v1/status'

export function meaningOf(method: string, target: string): Meant {
  // As proxies write it.
  const url = target.replace(/^https?:\/\/[^/?]*/i, '')
  const mark = url.indexOf('?')
  const given = mark === -1 ? url : url.slice(0, mark)
  // What is asked for all the time is clean already.
  if (given === statuses) return ofCollection(method)
  const escaped = given.startsWith('/') ? given : `/${given}`
  if (/%(?![0-9A-Fa-f]{2})/.test(escaped)) return { is: 'bad' }
  const path = cleanPath(escaped)
  if (path !== escaped) {
    const location = `${escapePath(path)}${mark === -1 ? '' : url.slice(mark)}`
    return { is: 'moved', location, html: `<a href="${escapeHtml(location)}">Moved Permanently</a>.\n\n` }
  }
  const segments = path.slice(1).split('/').map(unescape)
  const [first = '', version, noun, cluster = ''] = segments
  if (segments.length === 1 && (first === 'healthz' || first === 'version')) {
    return isRead(method) ? { is: first } : { is: 'not-allowed', allow: 'GET, HEAD' }
  }
  if (first !== 'api' || version !== 'v1' || noun !== 'status') return { is: 'other', path }
  if (segments.length === 3) return ofCollection(method)
  if (segments.length > 4 || cluster === '') return { is: 'other', path }
  if (isRead(method)) return { is: 'list-of', cluster }
  // A name that is free for it: the original takes no POST there.
  if (method === 'POST' && cluster === 'batch') return { is: 'other', path }
  return { is: 'not-allowed', allow: 'GET, HEAD' }
}

function ofCollection(method: string): Meant {
  if (method === 'POST') return { is: 'post' }
  return isRead(method) ? { is: 'list' } : { is: 'not-allowed', allow: 'GET, HEAD, POST' }
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD'

/** `path.Clean`, but a slash at the end stays. */
function cleanPath(path: string): string {
  if (!/\/\/|\/\.\.?(?:\/|$)/.test(path)) return path
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') kept.pop()
    else kept.push(segment)
  }
  const clean = `/${kept.join('/')}`
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}

/** The cleaned path is still escaped, and is escaped once more: the original does so. */
function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9_.~$&+,/:;=@-]/g, (one) => encodeURIComponent(one).replace(/^[!'()*]$/, hexOf))
}

const hexOf = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`

function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (char) => names[char]!)
}

/** Bytes that are no UTF-8 cannot be told of any cluster. */
function unescape(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return '\ufffd'
  }
}
