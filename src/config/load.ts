import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Registry } from '../registries/registry.ts'
import type { ServerSettings } from '../server/settings.ts'
import { readDocument, type ConfigDocument } from './document.ts'
import { expand, pathId, type Expanded } from './expand.ts'
import { describeIssue, flatten, type Finding } from './explain.ts'
import { pathText, problemsError, type Path, type Problem } from './problem.ts'
import { configSchema, type OwnSettings } from './schema.ts'

export interface Config {
  /** Absolute path of the file. */
  readonly file: string
  /** Its folder: relative paths in it are meant from here. */
  readonly base: string
  readonly server: ServerSettings
  /** postgres://…; null: the embedded database in the state folder. */
  readonly database: string | null
  /** Absolute path of the state folder, which one process at a time holds. */
  readonly state: string
  /** Where the process that holds the state listens for commands on the same machine. */
  readonly socket: string
  readonly retention: OwnSettings['retention']
  readonly log: OwnSettings['log']
  /** Registry name → its validated section; only those that the file names. */
  readonly sections: ReadonlyMap<string, unknown>
  /** `regista.yaml:12:3`, where a setting stands; the nearest container for one that is not written. */
  where(path: Path): string
}

export interface LoadOptions {
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly registries: readonly Registry[]
  /** Values from flags; each replaces what the file says. */
  readonly flags?: readonly FlagValue[]
  /** Folder that file names in problems are told from; default: the working directory. */
  readonly from?: string
}

export interface FlagValue {
  readonly flag: string
  readonly path: Path
  readonly value: unknown
}

/** Config files larger than this are something else. */
const mostBytes = 4 * 1024 * 1024

/** Reads, expands and validates. Throws AppError `config.invalid` that carries every problem (problem.ts). */
export function loadConfig(options: LoadOptions): Config {
  const file = resolve(options.file)
  const name = relative(options.from ?? process.cwd(), file) || file
  const shown = name.startsWith('..') ? file : name
  return interpret(readText(file, shown), file, shown, options)
}

function readText(file: string, shown: string): string {
  const fail = (what: string, hint: string | null) =>
    problemsError([{ path: '', file: shown, line: null, column: null, what, hint }])
  try {
    const bytes = readFileSync(file)
    if (bytes.length > mostBytes) throw fail('is larger than 4 MiB', 'is it a configuration file?')
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw fail('does not exist', 'name the configuration with -c FILE')
    if (code === 'EACCES') throw fail('may not be read by this user', 'check its owner and mode')
    if (code === 'EISDIR') throw fail('is a folder', 'name the file in it')
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw fail('is not UTF-8 text', 'save it as UTF-8')
    throw thrown
  }
}

function interpret(text: string, file: string, shown: string, options: LoadOptions): Config {
  const base = dirname(file)
  const document = readDocument(text)
  const flags = options.flags ?? []
  const flagOf = new Map(flags.map((flag) => [pathId(flag.path), flag.flag]))

  const locate = (path: Path, key: boolean): Pick<Problem, 'file' | 'line' | 'column'> => {
    const flag = flagOf.get(pathId(path))
    if (flag !== undefined) return { file: flag, line: null, column: null }
    const place = key ? document.keyPlace(path) : document.place(path)
    return { file: shown, line: place?.line ?? null, column: place?.column ?? null }
  }
  const problem = (path: Path, what: string, hint: string | null, key = false): Problem => ({
    path: pathText(path),
    ...locate(path, key),
    what,
    hint,
  })

  const problems: Problem[] = document.faults.map(({ path, place, what, hint }) => ({
    path: pathText(path),
    file: shown,
    ...place,
    what,
    hint,
  }))
  if (document.broken) throw problemsError(problems)

  const expanded = expand(withFlags(document, flags), {
    env: options.env,
    readFile: (path) => readFileSync(resolve(base, path), 'utf8'),
  })
  problems.push(...expanded.faults.map(({ path, what, hint }) => problem(path, what, hint)))

  const checked = check(expanded, options.registries)
  if ('findings' in checked) {
    // What could not be filled in was reported above; that it does not validate either is no news.
    const empty = new Set(expanded.faults.map(({ path }) => pathId(path)))
    const news = checked.findings.filter(({ path }) => !empty.has(pathId(path)))
    problems.push(...news.map(({ path, what, hint, key }) => problem(path, what, hint, key)))
  }
  if (problems.length > 0 || 'findings' in checked) throw problemsError(problems.toSorted(byPlace))

  return compose(checked.settings, file, options.registries, (path) => {
    const { file: at, line, column } = locate(path, true)
    return line === null ? at : `${at}:${line}:${column}`
  })
}

function byPlace(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
}

function withFlags(document: ConfigDocument, flags: readonly FlagValue[]): unknown {
  return flags.reduce<unknown>((value, flag) => replaceAt(value, flag.path, flag.value), document.value ?? {})
}

function replaceAt(value: unknown, path: Path, to: unknown): unknown {
  const [first, ...rest] = path
  if (first === undefined) return to
  if (Array.isArray(value)) return value.with(Number(first), replaceAt(value[Number(first)], rest, to))
  const fields = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  return { ...fields, [first]: replaceAt(fields[first], rest, to) }
}

type Settings = OwnSettings & Readonly<Record<string, unknown>>

/**
 * `${PORT}` is text wherever it stands. Where the schema then wants a number or true/false, and the
 * text is one, it is taken as such and validated again.
 */
function check(
  expanded: Expanded,
  registries: readonly Registry[],
): { settings: Settings } | { findings: readonly Finding[] } {
  const schema = configSchema(registries)
  const validate = (value: unknown) => schema.safeParse(value, { error: describeIssue })
  const first = validate(expanded.value)
  if (first.success) return { settings: first.data as Settings }

  const findings = flatten(first.error.issues)
  const coerced = findings.flatMap(({ path, wanted }) => {
    if (wanted === undefined || !expanded.outside.has(pathId(path))) return []
    const to = coerce(String(path.reduce<unknown>((at, part) => (at as never)[part], expanded.value)), wanted)
    return to === null ? [] : [{ path, to }]
  })
  if (coerced.length === 0) return { findings }
  const second = validate(coerced.reduce((value, { path, to }) => replaceAt(value, path, to), expanded.value))
  return second.success ? { settings: second.data as Settings } : { findings: flatten(second.error.issues) }
}

function coerce(text: string, wanted: 'number' | 'boolean'): number | boolean | null {
  if (wanted === 'boolean') return text === 'true' ? true : text === 'false' ? false : null
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null
}

function compose(
  settings: Settings,
  file: string,
  registries: readonly Registry[],
  where: (path: Path) => string,
): Config {
  const base = dirname(file)
  const state = resolve(base, settings.state)
  const sections = registries.filter(({ name }) => settings[name] !== undefined)
  const tls = settings.server.tls
  return {
    file,
    base,
    server: {
      ...settings.server,
      ...(tls && { tls: absolute(base, tls) }),
    },
    database: settings.database ?? null,
    state,
    socket: join(state, 'regista.sock'),
    retention: settings.retention,
    log: settings.log,
    sections: new Map(sections.map(({ name }) => [name, settings[name]])),
    where,
  }
}

function absolute<F extends object>(base: string, files: F): { [N in keyof F]: string } {
  return Object.fromEntries(Object.entries(files).map(([name, file]) => [name, resolve(base, file)])) as never
}
