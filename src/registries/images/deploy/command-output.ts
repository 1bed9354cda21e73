/** The end of what a command prints: bounded, without control characters, and without the secrets that it was given. */
import { StringDecoder } from 'node:string_decoder'
import { createRedaction } from './redaction.ts'

export interface Output {
  /** One for each stream: what one prints may come in pieces between those of the other. */
  stream(): { push(chunk: Uint8Array): void; end(): void }
  /** What has come so far, at most so many bytes of its end. */
  text(): string
}

/** `secrets`: name → value. Where a value is printed, its name stands instead. */
export function createOutput(most: number, secrets: ReadonlyMap<string, string>): Output {
  const redact = createRedaction(secrets)
  let kept = ''
  let cut = false
  /** What each stream holds back, as it may go on to be a secret. Lines that have ended do not. */
  const carries = new Set<() => string>()
  const endedOf = (carry: string) => carry.slice(0, carry.lastIndexOf('\n') + 1)

  function keep(text: string): void {
    kept += text
    // As UTF-16 it has never fewer bytes than this; the rest is cut at the end.
    if (kept.length <= 2 * most + 1024) return
    kept = most === 0 ? '' : kept.slice(-most)
    cut = true
  }

  return {
    stream() {
      const decoder = new StringDecoder('utf8')
      let carry = ''
      carries.add(() => endedOf(carry))
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
      const text = redact.whole(cleaned(kept + [...carries].map((of) => of()).join(''))).trim()
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

/** Without sequences of terminals (ECMA-48), and of each line what it was last overwritten with. Linear in any text. */
export function cleaned(text: string): string {
  return text
    .replaceAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g, '')
    .split('\n')
    .map(overwritten)
    .join('\n')
    .replaceAll(/[^\P{C}\n\t]/gu, '')
}

function overwritten(line: string): string {
  let end = line.length
  while (end > 0 && line[end - 1] === '\r') end -= 1
  return line.slice(line.lastIndexOf('\r', end - 1) + 1, end)
}
