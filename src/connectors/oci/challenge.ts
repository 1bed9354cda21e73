/** WWW-Authenticate (RFC 9110 §11.6.1). */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
/** `name = value`, the value a token or a quoted string. Commas after it are missed now and then. */
const parameter = new RegExp(`(${token})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`, 'y')
/** A scheme stands alone, before a comma, or before its parameters. */
const scheme = new RegExp(`(${token})(?=[ \\t]|,|$)[ \\t]*`, 'y')
/** As Negotiate has it: one value without a name. */
const token68 = /[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y
const between = /[ \t,]*/y

/** A header holds several challenges, and there may be several headers. What cannot be read ends that header. */
export function challengesOf(header: string | readonly string[] | undefined): readonly Challenge[] {
  const headers = typeof header === 'string' ? [header] : (header ?? [])
  return headers.flatMap((text) => readHeader(text.slice(0, longest)))
}

const longest = 16 << 10

function readHeader(text: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  take(between)
  while (at < text.length) {
    const named = take(parameter)
    const last = found.at(-1)
    if (named !== null) {
      if (last === undefined) break
      const [, name = '', quoted, plain = ''] = named
      // The first one counts, so that nothing appended can change what a challenge says.
      last.parameters[name.toLowerCase()] ??= quoted === undefined ? plain : quoted.replaceAll(/\\(.)/gs, '$1')
    } else {
      const started = take(scheme)
      if (started === null) break
      found.push({ scheme: started[1]!.toLowerCase(), parameters: Object.create(null) as Record<string, string> })
      const before = at
      if (take(parameter) === null) take(token68)
      else at = before
    }
    take(between)
  }
  return found
}
