/** Names of entries as paths from the root of the image: `docs/a.md`, the root itself ''. */

/** `./docs//a` and `/docs/a` are `docs/a`; null: the name leads out of the image. */
export function cleanPath(name: string): string | null {
  const parts: string[] = []
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return null
  }
  return parts.join('/')
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The folders above a path, the highest first, without the root: of `a/b/c` these are `a` and `a/b`. */
export function* foldersOf(path: string): Generator<string> {
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) yield path.slice(0, at)
}

/** A component of Linux file systems. */
const longestName = 255
/** Leaves room for the folder that a builder puts in front (PATH_MAX is 4096). */
const longestShipped = 1024
/** Bounds what the folders above a path cost. */
const deepest = 32

/**
 * Whether a builder could take a file of this path. It refuses the whole upload where '..' stands anywhere in a
 * name (`docs/v1..v2.md` too), and cannot make names that its file system cannot hold. What lies below an unfit
 * path is unfit as well.
 */
export function isFit(path: string): boolean {
  if (path.includes('..') || Buffer.byteLength(path) > longestShipped) return false
  const parts = path.split('/')
  return parts.length <= deepest && parts.every((part) => Buffer.byteLength(part) <= longestName)
}
