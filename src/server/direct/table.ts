/** Which route is meant, among those that are answered directly. What another route may mean as well is nobody's here. */
import type { Route } from '../../kernel/route.ts'

export interface Found<T> {
  readonly of: T
  readonly params: Readonly<Record<string, string>>
}

export interface Table<T> {
  readonly size: number
  find(method: string, path: string): Found<T> | null
  /** Whether a request that begins so may become one of ours. */
  mayBegin(text: string): boolean
}

interface Pattern<T> {
  readonly of: T
  /** Method and path up to the first parameter. */
  readonly start: string
  /** Of the path after that. */
  readonly rest: RegExp
  readonly parameters: readonly Parameter[]
}

interface Parameter {
  readonly name: string
  /** What stands in its place in routes of their own. */
  readonly reserved: ReadonlySet<string>
}

type Path = Pick<Route, 'path'>

/** As the router has it. */
const longestParameter = 2048
const noParams: Readonly<Record<string, string>> = {}

/** `all`: every route that is served, the direct ones too. */
export function createTable<T>(
  direct: readonly { readonly route: Pick<Route, 'method' | 'path'>; readonly of: T }[],
  all: readonly Path[],
): Table<T> {
  const whole = new Map<string, Found<T>>()
  const patterns: Pattern<T>[] = []
  for (const { route, of } of direct) {
    if (/:|\*/.test(route.path)) patterns.push(patternOf(route, of, all))
    else whole.set(`${route.method} ${route.path}`, { of, params: noParams })
  }
  const starts = [...whole.keys(), ...patterns.map(({ start }) => start)]

  return {
    size: direct.length,
    find(method, path) {
      const key = `${method} ${path}`
      const known = whole.get(key)
      if (known !== undefined) return known
      for (const pattern of patterns) {
        const found = key.startsWith(pattern.start) ? match(pattern, key) : null
        if (found !== null) return found
      }
      return null
    },
    mayBegin: (text) => starts.some((start) => start.startsWith(text) || text.startsWith(start)),
  }
}

function match<T>({ of, start, rest, parameters }: Pattern<T>, key: string): Found<T> | null {
  const values = rest.exec(key.slice(start.length))
  if (values === null) return null
  const params: Record<string, string> = {}
  let place = 0
  for (const { name, reserved } of parameters) {
    const value = values[(place += 1)]!
    if (value.length > longestParameter || reserved.has(value)) return null
    params[name] = value
  }
  return { of, params }
}

function patternOf<T>({ method, path }: Pick<Route, 'method' | 'path'>, of: T, all: readonly Path[]): Pattern<T> {
  const ours = segmentsOf(path)
  const first = ours.findIndex(isOpen)
  const source = ours.slice(first).map((one) => (one === '*' ? '(.+)' : isOpen(one) ? '([^/]+)' : RegExp.escape(one)))
  const others = all.filter((one) => one.path !== path).map((one) => segmentsOf(one.path))
  const parameters = ours.flatMap((segment, place): Parameter[] => {
    if (!isOpen(segment)) return []
    const reserved = new Set(others.flatMap((other) => literalAt(ours, other, place)))
    if (segment === '*' && reserved.size > 0)
      throw new Error(`routes under ${path} keep it from being answered directly`)
    return [{ name: segment.replace(':', ''), reserved }]
  })
  return {
    of,
    start: `${method} ${['', ...ours.slice(0, first)].join('/')}/`,
    rest: new RegExp(`^${source.join('/')}$`),
    parameters,
  }
}

function segmentsOf(path: string): readonly string[] {
  return path.slice(1).split('/')
}

/** A parameter as a whole segment, or the rest of the path. `::` is a colon. */
function isOpen(segment: string): boolean {
  return segment === '*' || /^:[A-Za-z]/.test(segment)
}

/** What `other` has in this place, where it is like ours before it. */
function literalAt(ours: readonly string[], other: readonly string[], place: number): string[] {
  const found = other[place]
  if (found === undefined || isOpen(found)) return []
  for (let before = 0; before < place; before += 1) {
    const [a, b] = [ours[before]!, other[before]!]
    if (b === '*') return []
    if (!isOpen(a) && !isOpen(b) && a !== b) return []
  }
  return [found.replaceAll('::', ':')]
}
