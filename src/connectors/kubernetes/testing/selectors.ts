/** Label and field selectors as an API server reads them. */
import type { KubernetesObject } from '../objects.ts'

export type Select = (object: KubernetesObject) => boolean

/** null: no selector that is understood here. */
export function readSelectors(labels: string | null, fields: string | null): Select | null {
  const tests: Select[] = []
  for (const term of split(labels)) {
    const test = labelTest(term)
    if (test === null) return null
    tests.push(test)
  }
  for (const term of split(fields)) {
    const [, field = '', operator = '', value = ''] = /^metadata\.(name|namespace)(!=|==?)(.*)$/.exec(term) ?? []
    if (field === '') return null
    tests.push((object) => (object.metadata[field] === value) === (operator !== '!='))
  }
  return (object) => tests.every((test) => test(object))
}

/** At commas that stand in no parentheses. */
function split(text: string | null): string[] {
  return text ? text.split(/,(?![^(]*\))/).map((term) => term.trim()) : []
}

function labelTest(term: string): Select | null {
  const of = (object: KubernetesObject, key: string) => object.metadata.labels?.[key]
  const exists = /^(!?)\s*([\w./-]+)$/.exec(term)
  if (exists) return (object) => (of(object, exists[2]!) !== undefined) === (exists[1] === '')
  const equal = /^([\w./-]+)\s*(!=|==?)\s*([\w.-]*)$/.exec(term)
  if (equal) return (object) => (of(object, equal[1]!) === equal[3]) === (equal[2] !== '!=')
  const set = /^([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term)
  if (!set) return null
  const values = set[3]!.split(',').map((value) => value.trim())
  return (object) => values.includes(of(object, set[1]!) ?? '') === (set[2] === 'in')
}
