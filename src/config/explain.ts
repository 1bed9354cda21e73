/**
 * Turns what the schema finds into problems for a person. `describeIssue` runs while zod validates,
 * because only then the schema and the input are at hand; it answers "what\nhint". `flatten` then
 * gives one problem per unknown name and opens the branch of a union that was most likely meant.
 */
import type { z } from 'zod'
import { nearest } from './nearest.ts'
import type { Path } from './problem.ts'

/** What is wrong at a path; `key`: the name itself is wrong, not its value. */
export interface Finding {
  readonly path: Path
  readonly what: string
  readonly hint: string | null
  readonly key: boolean
  /** Set where a number or a yes/no was wanted and text was given. */
  readonly wanted?: 'number' | 'boolean'
}

type Issue = z.core.$ZodIssue
type RawIssue<T extends z.core.$ZodIssueBase = Issue> = z.core.$ZodRawIssue<T>

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a group of settings ("name: value" lines)',
  record: 'a group of settings ("name: value" lines)',
  array: 'a list',
}

function noun(type: string): string {
  return nouns[type] ?? type
}

/** Never repeats the input: it may be a secret in the wrong place. */
export function describeIssue(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return `is missing\n${wanted(issue)}`
      return `must be ${noun(issue.expected)}\n${quoting(issue)}`
    case 'unrecognized_keys':
      return issue.keys.map((key) => `is not known\n${knownHint(key, issue.inst)}`).join('\u0000')
    case 'invalid_value': {
      const values = issue.values.map(String)
      if (issue.input === undefined) return `is missing\nwrite ${list(values)}`
      const near = typeof issue.input === 'string' ? nearest(issue.input, values) : null
      return `must be ${list(values)}\n${near === null ? '' : `did you mean ${near}?`}`
    }
    case 'too_small':
      return bound(issue, 'at least', issue.minimum)
    case 'too_big':
      return bound(issue, 'at most', issue.maximum)
    case 'invalid_format':
      return `is not a valid ${issue.format === 'regex' ? 'name here' : issue.format}\n${patternHint(issue)}`
    case 'invalid_union':
      return describeUnion(issue)
    case 'invalid_key':
      return 'is no valid name here\nuse letters, digits, - and _'
    default:
      return 'is not valid\n'
  }
}

function describeUnion(issue: RawIssue<z.core.$ZodIssueInvalidUnion>): string {
  const values = (issue.options as readonly unknown[] | undefined)?.map(String)
  if (values === undefined) return 'has none of the forms that are allowed here\n'
  const given = (issue.input as Record<string, unknown> | undefined)?.[String(issue['discriminator'])]
  if (given === undefined) return `is missing\nwrite ${list(values)}`
  const near = typeof given === 'string' ? nearest(given, values) : null
  return `must be ${list(values)}\n${near === null ? '' : `did you mean ${near}?`}`
}

function bound(issue: RawIssue & { origin?: unknown }, side: string, amount: unknown): string {
  if (issue['origin'] === 'string' && side === 'at least' && Number(amount) === 1) return 'must not be empty\n'
  const of = issue['origin'] === 'string' ? ' characters' : issue['origin'] === 'array' ? ' items' : ''
  return `must ${of === '' ? 'be' : 'have'} ${side} ${String(amount)}${of}\n`
}

function patternHint(issue: RawIssue): string {
  const pattern = issue['pattern']
  return typeof pattern === 'string' ? `it has to match ${pattern}` : ''
}

function wanted(issue: RawIssue<z.core.$ZodIssueInvalidType>): string {
  const description = (issue.inst as z.ZodType | undefined)?.description
  return `write ${noun(issue.expected)}${description === undefined ? '' : `: ${description}`}`
}

function quoting(issue: RawIssue<z.core.$ZodIssueInvalidType>): string {
  if (issue.input === null) return 'it is empty; remove the name to get the default'
  const scalar = ['number', 'boolean'].includes(typeof issue.input)
  return issue.expected === 'string' && scalar ? 'put it in quotes' : ''
}

function knownHint(key: string, schema: unknown): string {
  const shape = shapeOf(schema)
  const near = nearest(key, Object.keys(shape))
  if (near !== null) return `did you mean ${near}?`
  const section = Object.keys(shape).find((name) => Object.hasOwn(shapeOf(shape[name]), key))
  if (section !== undefined) return `it belongs under ${section}`
  const names = Object.keys(shape).toSorted()
  return names.length === 0 ? 'remove it' : `known here: ${names.join(', ')}`
}

/** The fields of an object schema, whatever it is wrapped in (optional, default). */
function shapeOf(schema: unknown): Readonly<Record<string, unknown>> {
  const def = (schema as { _zod?: { def?: { shape?: object; innerType?: unknown } } } | undefined)?._zod?.def
  if (def?.innerType !== undefined) return shapeOf(def.innerType)
  return (def?.shape ?? {}) as Record<string, unknown>
}

function list(values: readonly string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

export function flatten(issues: readonly Issue[], base: Path = []): Finding[] {
  return issues.flatMap((issue): Finding[] => {
    const path = [...base, ...(issue.path as Path)]
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\u0000')
      return issue.keys.map((key, i) => ({ path: [...path, key], ...words(messages[i] ?? ''), key: true }))
    }
    if (issue.code === 'invalid_union') {
      const branch = likeliest(issue.errors)
      if (branch !== null) return flatten(branch, path)
    }
    const expected = issue.code === 'invalid_type' ? issue.expected : null
    const type: Finding['wanted'] | null =
      expected === 'number' || expected === 'int' ? 'number' : expected === 'boolean' ? 'boolean' : null
    const finding = { path, ...words(issue.message), key: issue.code === 'invalid_key' }
    return [type === null ? finding : { ...finding, wanted: type }]
  })
}

/** The one branch whose outermost form fits; null when none or several do. */
function likeliest(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const fitting = branches.filter((issues) => !issues.some((i) => i.code === 'invalid_type' && i.path.length === 0))
  return fitting.length === 1 ? fitting[0]! : null
}

function words(message: string): { what: string; hint: string | null } {
  const [what = '', hint = ''] = message.split('\n')
  return { what, hint: hint === '' ? null : hint }
}
