/** Takes secrets out of what programs and servers say: their names stand there instead, in brackets. */
import { AppError } from '../../../kernel/errors.ts'

export interface Redaction {
  whole(text: string): string
  /** Of a text that goes on: `rest` may hold the beginning of one, and is to stand before what comes next. */
  piece(text: string): { readonly done: string; readonly rest: string }
}

/** Shorter values are in many texts by chance. */
const shortest = 4

/** `secrets`: name → value. */
export function createRedaction(secrets: ReadonlyMap<string, string>): Redaction {
  const names = new Map<string, string>()
  for (const [name, value] of secrets) for (const form of formsOf(value)) if (!names.has(form)) names.set(form, name)
  // The longest first: one may be the beginning of another.
  const forms = [...names.keys()].toSorted((one, other) => other.length - one.length)
  const longest = forms[0]?.length ?? 0
  const any = forms.length === 0 ? null : new RegExp(forms.map(escaped).join('|'), 'g')
  const whole = (text: string) => (any === null ? text : text.replace(any, (found) => `[${names.get(found)}]`))
  return {
    whole,
    piece(text) {
      if (any === null) return { done: text, rest: '' }
      const sure = Math.max(0, text.length - longest + 1)
      let from = sure
      // One that begins later may yet turn out to be the beginning of a longer one.
      for (const { index, 0: found } of text.matchAll(any))
        if (index < sure) from = Math.max(from, index + found.length)
      return { done: whole(text.slice(0, from)), rest: text.slice(from) }
    },
  }
}

/** The same error without them; what caused it is left out then, for it may say the same. */
export function redacted(error: AppError, redact: (text: string) => string): AppError {
  const detail = redact(error.detail)
  return detail === error.detail ? error : new AppError(error.code, detail, { data: { ...error.data } })
}

/** As it may be printed: its lines alone, and written as JSON, in a URL or as base64. */
function formsOf(value: string): readonly string[] {
  const lines = value.split(/\r?\n/)
  const encoded = Buffer.from(value).toString('base64').replace(/=+$/, '')
  const forms = [value, ...lines, JSON.stringify(value).slice(1, -1), encodeURIComponent(wellFormed(value)), encoded]
  return forms
    .map((form) => form.trim())
    .filter((form) => form.length >= shortest && !/^(?:true|false|null)$/.test(form))
}

const wellFormed = (text: string) => text.toWellFormed()

const escaped = (text: string) => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`)
