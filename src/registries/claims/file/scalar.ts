/**
 * Text as a YAML scalar that every reader takes for text: YAML 1.1 (yaml.v3, PyYAML) has more words, numbers and
 * line breaks than 1.2. Always one line, so that it can stand wherever a scalar stood.
 */
export type Quotes = 'none' | 'single' | 'double'

export interface ScalarPlace {
  /** As the value that stood there, kept where the new text allows it. */
  readonly quotes: Quotes
  /** Within [ ] or { }. */
  readonly flow: boolean
}

export function writeScalar(text: string, { quotes, flow }: ScalarPlace): string {
  if (quotes === 'double' || needsEscapes(text)) return doubleQuoted(text)
  if (quotes === 'single') return singleQuoted(text)
  // As yaml.v3 does: what would be something else than text stands in double quotes, what would be structure in single ones.
  if (isOtherThanText(text)) return doubleQuoted(text)
  return isStructure(text, flow) ? singleQuoted(text) : text
}

const singleQuoted = (text: string) => `'${text.replaceAll("'", "''")}'`

/** As JSON does it, so that a file that is JSON stays JSON. Raw: whatever can be seen, emoji too. */
function doubleQuoted(text: string): string {
  const escaped = text.toWellFormed().replaceAll(escapedInDouble, (found) => {
    const short = shortEscapes[found]
    if (short !== undefined) return short
    const hex = found.codePointAt(0)!.toString(16)
    // No pair of \u: yaml.v3 takes no halves of surrogate pairs.
    return hex.length > 4 ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`
  })
  return `"${escaped}"`
}

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
}

/**
 * Controls, line and paragraph separators, what turns or hides text (so that a reviewer sees it), blanks that look like
 * others, and what yaml.v3 refuses to read raw (U+FEFF, U+FFFE, U+FFFF).
 */
const unseen = '\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\u00a0\\ufffe\\uffff'
const escapedInDouble = new RegExp(`["\\\\${unseen}]`, 'gu')
const anyUnseen = new RegExp(`[${unseen}]`, 'u')

function needsEscapes(text: string): boolean {
  return !text.isWellFormed() || anyUnseen.test(text)
}

/** Whether a reader of either version takes it for text where it stands without quotes. */
export function plainTextIsText(text: string): boolean {
  return !isOtherThanText(text)
}

/** The empty text, words of YAML 1.1, and whatever begins like a number, a date or a time. */
function isOtherThanText(text: string): boolean {
  return text === '' || /^[-+.]?\d|^[-+]?\./.test(text) || words.has(text.toLowerCase())
}

const words: ReadonlySet<string> = new Set('y n yes no on off true false null ~ nan inf infinity << ='.split(' '))

/**
 * Plain is only what begins with a letter, a digit or one of a few signs, and holds nothing that could end it. Stricter
 * than the standard, because readers differ at its edges.
 */
function isStructure(text: string, flow: boolean): boolean {
  return !/^[\p{L}\p{N}_/(.$]/u.test(text) || / $|:(?: |$)| #/.test(text) || (flow && /[,:[\]{}?]/.test(text))
}
