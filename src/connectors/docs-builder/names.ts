/** What a docs-builder takes for a name; it answers 500 to everything else, and older ones take it for a path. */

const name = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/
/** A version is the tag of the module's image; the builder checks it not, and it is one segment of the path. */
const version = /^\w[\w.-]{0,127}$/
/** Names come out of image tags, so that no longer one is real. */
const longest = 128

/** The name of a module or of a channel. */
export function isBuilderName(text: string): boolean {
  return text.length <= longest && name.test(text)
}

export function isBuilderVersion(text: string): boolean {
  return version.test(text)
}

/**
 * Base URL of a builder: `host:port`, as leases say it, or a URL without query. null: it is neither.
 * Whoever may write a lease decides where requests go, so that nothing but a host and a port counts there.
 */
export function builderUrl(address: string): URL | null {
  const written = /^https?:\/\//.test(address)
  if (!written && !/^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i.test(address)) return null
  const url = URL.parse(written ? address : `http://${address}`)
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return null
  return url
}
