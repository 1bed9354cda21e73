/**
 * Registry files as people and programs write them, and as they should not: every layout, style, line break and
 * oddity that an edit has to leave alone. Comments are numbered, so that each can be looked for.
 */
import { seededRandom } from '../../src/engine/testing/seeded.ts'

export interface MadeFile {
  readonly text: string
  /** Comments that stand between entries, and go with none of them. */
  readonly comments: readonly string[]
  /** Damaged afterwards: it may be no YAML, or other YAML. */
  readonly damaged: boolean
}

export type Dice = ReturnType<typeof rollDice>

/** The same throws for the same seed. */
export function rollDice(seed: number) {
  const random = seededRandom(seed)
  const upTo = (most: number) => Math.floor(random() * (most + 1))
  return {
    upTo,
    chance: (of: number) => random() < of,
    one: <T>(of: readonly T[]): T => of[upTo(of.length - 1)]!,
    some: <T>(of: readonly T[], share: number): T[] => of.filter(() => random() < share),
    shuffled: <T>(of: readonly T[]): T[] =>
      of
        .map((it) => [random(), it] as const)
        .toSorted(([a], [b]) => a - b)
        .map(([, it]) => it),
  }
}

/** Texts that are hard to write so that all readers take them for the same text. */
export const awkwardTexts: readonly string[] = [
  'ready', 'Ready=True', 'Ready: True, Synced: True', '', ' ', ' lead', 'trail ', 'yes', 'No', 'on', 'OFF', 'y', 'N',
  'true', 'False', 'null', '~', 'Null', '1', '-1', '1.0', '0x1F', '07', '0o7', '1e3', '1_000', '.inf', '-.INF', '.nan',
  '2026-02-14', '2026-02-14T16:09:55Z', '12:30:45', '1:30', '<<', '=', '- a', '? a', ': a', 'a:', 'a: b', 'a:b', 'a #b',
  'a#b', '#a', '&a', '*a', '!a', '|', '>', '%a', '@a', '`a', '"a"', "it's", '{a}', '[a]', 'a, b', '---', '...', '--- a',
  'line\nbreak', 'end\n', '\nstart', 'cr\rlf\r\n', 'tab\tin', '\ttab', 'back\\slash', 'bell\u0007', 'nul\0', 'del\x7f',
  'nel\u0085', 'ls\u2028', 'ps\u2029', 'bom\ufeff', 'nbsp\u00a0', 'bidi\u202eabc', 'zero\u200bwidth', '\u{1f600}', 'é',
  '\u{e0001}', '\ufffe', '\ud800', 'x'.repeat(300), 'a '.repeat(200), '@all fixes #1 | <!-- x -->', '日本語: はい',
  'Composite resource claim is waiting for composite resource to become Ready', '0b11', '+1', '1.5e+3', '190:20:30',
] // prettier-ignore

const plain = ['default', 'a/b', 'x-1', 'cli', 'harvestervm', 'some words', 'Ready=True']
const oldTexts = [...plain, 'yes', '', 'a: b', "it's", 'two\nlines', 'unknown']

export function makeFile(dice: Dice): MadeFile {
  const { one, chance, upTo, shuffled } = dice
  const comments: string[] = []
  let numbered = 0
  const comment = () => `#${one([' ', '\t', ''])}c${numbered++}: "${one(['x', '] }', "'", '- name: y', ': |'])}`
  const between = (indent: string) => {
    const text = comment()
    comments.push(text)
    return `${indent}${text}\n`
  }
  const tail = () => (chance(0.1) ? `${one([' ', '  ', '\t'])}${comment()}` : one(['', '', '', ' ']))
  let anchors = 0

  function scalar(text: string, indent: string, flow: boolean): string {
    const simple = /^[A-Za-z][\w/=-]*(?: [A-Za-z]\w*)*$/.test(text)
    const styles = [
      'double',
      'single',
      ...(simple ? ['plain', 'plain', 'plain'] : []),
      ...(flow ? [] : ['literal', 'folded']),
    ]
    const style = one(styles)
    if (style === 'plain')
      return chance(0.1) && text.includes(' ')
        ? text.replace(' ', `\n${indent}   `) + tail()
        : text + (flow ? '' : tail())
    if (style === 'double' || (text.includes('\n') && style === 'single'))
      return JSON.stringify(text) + (flow ? '' : tail())
    if (style === 'single') return `'${text.replaceAll("'", "''")}'${flow ? '' : tail()}`
    const header = `${style === 'literal' ? '|' : '>'}${one(['', '-', '+'])}${chance(0.2) ? ` ${comment()}` : ''}`
    const lines = (text === '' ? 'text' : text).split('\n').map((line) => `\n${indent}  ${line === '' ? 'x' : line}`)
    return `${header}${lines.join('')}${chance(0.3) ? '\n\n' : ''}`
  }

  function property(value: string): string {
    if (chance(0.94)) return value
    if (chance(0.5)) return `${one(['!!str ', '! '])}${value}`
    return `&a${anchors++} ${value}`
  }

  function value(text: string, indent: string, flow: boolean): string {
    if (anchors > 0 && chance(0.04)) return `*a${upTo(anchors - 1)}${flow ? ' ' : ''}`
    if (chance(0.04)) return one(flow ? ['~', 'null'] : ['', '~', 'null', ` ${comment()}`])
    return property(scalar(text, indent, flow))
  }

  function odd(indent: string, flow: boolean): string {
    const inBrackets = ['[]', '{}', '[a, b]', '{a: [b, {c: d}]}', '[a, # ]\n     b]', '[{a: b},]']
    if (flow || chance(0.5)) return ` ${one(inBrackets.filter((it) => !flow || !it.includes('#')))}`
    return one([
      `\n${indent}  a: b\n${indent}  c:\n${indent}  - d\n${indent}  - e: f`,
      `\n${indent}- a\n${indent}- b`,
      ` |+\n${indent}  keep\n\n`,
    ])
  }

  const keyOf = (name: string, json: boolean) => (json || chance(0.05) ? `"${name}"` : name)

  function fieldsOf(number: number): [string, string][] {
    const known: [string, string][] = [
      ['name', one(['a', 'b', `n${number}`, `n${number}`, ...oldTexts])],
      ['namespace', one(['default', 'x', ''])],
      ['claimRef', one(['default/a', `default/n${number}`, 'g/v1/Kind'])],
      ['template', one(plain)],
      ['path', one(['.', 'claims/a.yaml'])],
      ['status', one(['active', 'error'])],
      ['statusMessage', one(oldTexts)],
      ['lastCheckedAt', one(['', '2026-02-14T16:09:55Z'])],
      ['owner', one(plain)],
      ['labels', 'ODD'],
    ]
    const fields = known.filter(([name]) => chance(name === 'labels' ? 0.15 : 0.75))
    if (chance(0.02)) fields.push(one(known))
    if (chance(0.02)) fields.push(['statusMessage', 'ODD'])
    return chance(0.5) ? fields : shuffled(fields)
  }

  function flowEntry(number: number, indent: string, json: boolean): string {
    const wide = chance(0.2)
    const gap = wide ? `\n${indent}    ` : one(['', ' '])
    const pairs = fieldsOf(number).map(([name, text]) => {
      const said = json
        ? text === 'ODD'
          ? ' [1, {"a": null}]'
          : one([' ', '']) + JSON.stringify(text)
        : text === 'ODD'
          ? odd('', true)
          : ` ${value(text, indent, true)}`
      return `${keyOf(name, json)}:${said}`
    })
    return `{${gap}${pairs.join(`,${gap === '' ? ' ' : gap}`)}${!json && chance(0.1) && pairs.length > 0 ? ',' : ''}${wide ? `\n${indent}  ` : gap}}`
  }

  function blockEntry(number: number, indent: string): string {
    const fields = fieldsOf(number)
    if (fields.length === 0) return `${indent}- {}\n`
    const gap = ' '.repeat(1 + upTo(2))
    const own = chance(0.1)
    const inner = `${indent} ${own ? '   ' : gap}`
    const anchored = chance(0.05) ? ` &a${anchors++}` : ''
    const lines = fields.map(([name, text]) => {
      const said = text === 'ODD' ? odd(inner, false) : ` ${value(text, inner, false)}`
      return `${keyOf(name, false)}${one([':', ':', ':', ' :'])}${said}\n${chance(0.05) ? `${inner}${comment()}\n` : ''}`
    })
    if (anchors > 0 && chance(0.04)) lines.push(`<<: *a${upTo(anchors - 1)}\n`)
    if (own || anchored !== '')
      return `${indent}-${anchored}${tail()}\n${lines.map((line) => `${own ? inner : `${indent} ${gap}`}${line}`).join('')}`
    return lines.map((line, index) => `${index === 0 ? `${indent}-${gap}` : inner}${line}`).join('')
  }

  function list(indent: string): string {
    if (chance(0.05)) return one(['', ' []', ' ~', ' [ ]'])
    const count = 1 + upTo(4)
    if (chance(0.1)) {
      const entries = Array.from({ length: count }, (_, index) => flowEntry(index, '', false))
      return ` [${one(['', '\n  '])}${entries.join(one([', ', ',\n  ']))}${one(['', ',', '\n'])}]`
    }
    const entries = Array.from({ length: count }, (_, index) => {
      if (chance(0.03))
        return `${indent}- ${one(['junk', '[a]', '~', '{}', anchors > 0 ? `*a${upTo(anchors - 1)}` : '1'])}\n`
      const entry = chance(0.25)
        ? `${indent}- ${property(flowEntry(index, `${indent}  `, false))}${tail()}\n`
        : blockEntry(index, indent)
      return `${chance(0.15) ? between(indent) : ''}${chance(0.1) ? '\n' : ''}${entry}`
    })
    return `${tail()}\n${entries.join('')}`
  }

  function json(): string {
    const entries = Array.from({ length: 1 + upTo(3) }, (_, index) => flowEntry(index, '', true))
    return chance(0.5)
      ? `{"a":[${entries.join(',')}]}`
      : `{"kind": "ClaimRegistry", "claims": [\n  ${entries.join(',\n  ')}\n]}`
  }

  function registry(): string {
    const indent = one(['', '  ', '  ', '    '])
    const parts: string[] = []
    if (chance(0.4)) {
      parts.push(
        'apiVersion: claim-registry.io/v1alpha1\n',
        `kind: ${one(['ClaimRegistry', 'ClaimRegistry', 'ClaimStatuses'])}${tail()}\n`,
      )
      if (chance(0.2)) parts.push(`x-defaults: &a${anchors++}\n  owner: me\n  statusMessage: old\n`)
      parts.push(`claims:${list(indent)}`)
      if (chance(0.1)) parts.push('\nmore: [1, 2]\n')
    } else {
      const clusters = shuffled(['dev', 'prod-1', '"quoted"', "'x: y'"]).slice(0, 1 + upTo(2))
      for (const cluster of clusters) parts.push(`${chance(0.2) ? between('') : ''}${cluster}:${list(indent)}`, '\n')
    }
    return parts.join('')
  }

  let text = chance(0.07) ? json() : registry()
  if (chance(0.1)) text = `${one(['---\n', '# head\n---\n', '%YAML 1.2\n---\n', '---\n---\n'])}${text}`
  if (chance(0.1))
    text = `${text.replace(/\n?$/, '\n')}${one(['---\nother: document\n', '...\n', '---\n', '...\n# after\n---\n- x\n'])}`
  if (chance(0.15)) text = text.trimEnd()
  if (chance(0.2)) text = text.replaceAll('\n', '\r\n')
  if (chance(0.1)) text = `\ufeff${text}`
  const damaged = chance(0.15)
  return { text: damaged ? damage(text, dice) : text, comments, damaged }
}

function damage(text: string, { one, upTo }: Dice): string {
  const at = upTo(text.length)
  const signs = [
    '',
    ' ',
    '\n',
    '\t',
    '"',
    "'",
    ':',
    '-',
    '#',
    '{',
    ']',
    '&a0',
    '*a0',
    '|',
    ',',
    '? ',
    '\u2028',
    '\0',
    '\r',
  ]
  return text.slice(0, at) + one(signs) + text.slice(at + upTo(2))
}
