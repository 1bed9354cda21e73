import { nearest } from './nearest.ts'
import type { Path } from './problem.ts'

export interface ExpandSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a file named in the config; the loader resolves it from the config's folder. Throws what node:fs throws. */
  readonly readFile: (path: string) => string
}

export interface Expanded {
  readonly value: unknown
  /** Paths whose text came from outside. Such text is never shown, and may stand where a number is wanted. */
  readonly outside: ReadonlySet<string>
  readonly faults: readonly { readonly path: Path; readonly what: string; readonly hint: string | null }[]
}

export function pathId(path: Path): string {
  return JSON.stringify(path)
}

/**
 * Replaces, in every text of the config:
 *
 *   ${NAME}            the environment variable; not set is a problem
 *   ${NAME:-default}   the same, with a default for "not set or empty"
 *   $${                a literal ${
 *   file:PATH          when it is the whole text: the content of the file, without its last line break;
 *                      file:// is an address and stays
 */
export function expand(value: unknown, sources: ExpandSources): Expanded {
  const outside = new Set<string>()
  const faults: { path: Path; what: string; hint: string | null }[] = []

  function walk(at: unknown, path: Path): unknown {
    if (typeof at === 'string') return text(at, path)
    if (Array.isArray(at)) return at.map((item, index) => walk(item, [...path, index]))
    if (typeof at !== 'object' || at === null) return at
    return Object.fromEntries(Object.entries(at).map(([name, field]) => [name, walk(field, [...path, name])]))
  }

  function text(raw: string, path: Path): string {
    if (!raw.includes('${') && !raw.startsWith('file:')) return raw
    outside.add(pathId(path))
    const { value: filled, faults: found } = fill(raw, sources.env)
    faults.push(...found.map((fault) => ({ path, ...fault })))
    if (!filled.startsWith('file:') || filled.startsWith('file://')) return filled
    const read = content(filled.slice('file:'.length), sources)
    if (typeof read === 'string') return read
    faults.push({ path, ...read })
    return filled
  }

  return { value: walk(value, []), outside, faults }
}

interface Fault {
  readonly what: string
  readonly hint: string | null
}

function fill(raw: string, env: ExpandSources['env']): { value: string; faults: Fault[] } {
  const faults: Fault[] = []
  const reference = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g
  const value = raw.replace(reference, (match: string, name: string | undefined, fallback: string | undefined) => {
    if (match === '$${') return '${'
    if (name === undefined) {
      const what = 'holds a ${ that is no reference to an environment variable'
      faults.push({ what, hint: 'write ${NAME} or ${NAME:-default}, and $${ for a literal ${' })
      return match
    }
    const found = env[name]
    if (found !== undefined && (found !== '' || fallback === undefined)) return found
    if (fallback !== undefined) return fallback
    const near = nearest(name, Object.keys(env))
    const meant = near === null ? '' : `did you mean ${near}? Else `
    const what = `needs the environment variable ${name}, which is not set`
    faults.push({ what, hint: `${meant}set it, or write \${${name}:-default}` })
    return match
  })
  return { value, faults }
}

/** A secret is a line or a certificate; more than this is a wrong path. */
const mostSecret = 65_536

function content(path: string, sources: ExpandSources): string | Fault {
  if (path.trim() === '') return { what: 'names no file after file:', hint: 'write file:PATH' }
  try {
    const read = sources.readFile(path)
    if (read.length > mostSecret) return { what: 'names a file of more than 64 KiB', hint: null }
    return read.replace(/\r?\n$/, '')
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code
    const hint = 'file: paths are meant from the folder of the config file'
    if (code === 'ENOENT') return { what: 'names a file that does not exist', hint }
    if (code === 'EACCES') return { what: 'names a file that this user may not read', hint: 'check its owner and mode' }
    if (code === 'EISDIR') return { what: 'names a folder, not a file', hint }
    return { what: `names a file that cannot be read (${code ?? 'unknown error'})`, hint }
  }
}
