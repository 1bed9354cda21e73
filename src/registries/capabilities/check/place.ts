/** Where something stands in a manifest. Costs another reading, so it is asked for what is found alone. */
import { lineOf, readNodes, type Node } from '../manifest/yaml.ts'
import type { Place } from './finding.ts'

export type Path = readonly (string | number)[]

export interface Places {
  /** Of the name of a field, of an item of a list; where it is not there, of the nearest thing around it. */
  of(path: Path): Place
}

const start: Place = { line: 1, column: 1 }

/** Of a text that can be read; of any other everything is at its start. */
export function placesOf(text: string): Places {
  let read: ReturnType<typeof readNodes>
  try {
    read = readNodes(text, '')
  } catch {
    return { of: () => start }
  }
  const { root, source } = read
  return {
    of(path) {
      let at = root?.at ?? 0
      let node: Node | null = root
      for (const part of path) {
        const found = stepInto(node, part)
        if (found === null) break
        at = found.at
        node = found.node
      }
      return lineOf(source, at)
    },
  }
}

function stepInto(node: Node | null, part: string | number): { readonly node: Node; readonly at: number } | null {
  if (node?.is === 'list') {
    const item = node.items[Number(part)]
    return item ? { node: item, at: item.at } : null
  }
  if (node?.is !== 'map') return null
  // The last of equal names is the one that counts.
  const pair = node.pairs.findLast(([key]) => key.is === 'scalar' && key.text === String(part))
  return pair ? { node: pair[1], at: pair[0].at } : null
}

/** What the text of a message about syntax says: `… in "path", line 3, column 5`. */
export function placeInMessage(message: string): Place | null {
  const [, line, column] = /, line (\d+), column (\d+)$/.exec(message) ?? []
  return line === undefined ? null : { line: Number(line), column: Number(column) }
}
