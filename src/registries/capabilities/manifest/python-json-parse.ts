/** JSON as Python writes it, read back: it may hold NaN and Infinity, which become null. */
import type { Json } from '../../../kernel/json.ts'

/** Throws SyntaxError for what is no JSON besides. */
export function parsePythonJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (found) => (found[0] === '"' ? found : 'null')),
    ) as Json
  }
}
