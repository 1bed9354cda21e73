/** The end of what a command prints: bounded, without control characters, and without the secrets that it was given. */
import { StringDecoder } from 'node:string_decoder'

export interface Output {
  /** One for each stream: what one prints may come in pieces between those of the other. */
  stream(): { push(chunk: Uint8Array): void; end(): void }
  /** What has come so far, at most so many bytes of its end. */
  text(): string
}

/** Values that are in many texts by chance, and in no password. */
const shortest = 4

/** `secrets`: name → value. Where a value is printed, its name stands instead. */
export function createOutput(most: number, secrets: ReadonlyMap<string, string>): Output {
  const redact = createRedaction(secrets)
  let kept = ''
  let cut = false

  function keep(text: string): void {
    kept += text
    // As UTF-16 it has never fewer bytes than this; the rest is cut at the end.
    if (kept.length <= 2 * most + 1024) return
    kept = kept.slice(-most)
    cut = true
  }

  return {
    stream() {
      const decoder = new StringDecoder('utf8')
      let carry = ''
      return {
        push(chunk) {
          const { done, rest } = redact.piece(carry + decoder.write(Buffer.from(chunk)))
          carry = rest
          keep(done)
        },
        end() {
          keep(redact.whole(carry + decoder.end()))
          carry = ''
        },
      }
    },
    text() {
      // Again: sequences that colour a part of it may have stood in a secret.
      const text = redact.whole(cleaned(kept)).trim()
      const bytes = Buffer.from(text)
      if (bytes.length <= most) return cut && text !== '' ? `…${text}` : text
      if (most === 0) return ''
      // A character that was cut in two begins with bytes that no character begins with.
      let from = bytes.length - most
      while (from < bytes.length && (bytes[from]! & 0xc0) === 0x80) from += 1
      return `…${bytes.subarray(from).toString('utf8')}`
    },
  }
}

function createRedaction(secrets: ReadonlyMap<string, string>) {
  const names = new Map<string, string>()
  for (const [name, value] of secrets) for (const form of formsOf(value)) if (!names.has(form)) names.set(form, name)
  // The longest first: one may be the beginning of another.
  const forms = [...names.keys()].toSorted((one, other) => other.length - one.length)
  const longest = forms[0]?.length ?? 0
  const any = forms.length === 0 ? null : new RegExp(forms.map(escaped).join('|'), 'g')
  const whole = (text: string) => (any === null ? text : text.replace(any, (found) => `[${names.get(found)}]`))
  return {
    whole,
    /** `rest` may hold the beginning of one, and is to stand before what comes next. */
    piece(text: string): { readonly done: string; readonly rest: string } {
      if (any === null) return { done: text, rest: '' }
      let from = Math.max(0, text.length - longest + 1)
      for (const { index, 0: found } of text.matchAll(any)) from = Math.max(from, index + found.length)
      return { done: whole(text.slice(0, from)), rest: text.slice(from) }
    },
  }
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

/** Sequences of terminals (ECMA-48), and what a line was overwritten with. */
function cleaned(text: string): string {
  return text
    .replaceAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g, '')
    .replaceAll(/\r+\n/g, '\n')
    .replaceAll(/[^\n]*\r/g, '')
    .replaceAll(/[^\P{C}\n\t]/gu, '')
}
