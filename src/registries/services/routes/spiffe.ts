const longest = 2_048
const trustDomain = /^[a-z0-9._-]{1,255}$/
const segment = /^[A-Za-z0-9._-]+$/

/** SPIFFE-ID §2: trust domain and path; no query, port or user, no empty or dot segments. */
export function isSpiffeId(given: unknown): given is string {
  if (typeof given !== 'string' || given.length > longest || !given.startsWith('spiffe://')) return false
  const [domain = '', ...path] = given.slice('spiffe://'.length).split('/')
  return trustDomain.test(domain) && path.every((part) => segment.test(part) && part !== '.' && part !== '..')
}
