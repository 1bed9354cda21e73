/** What containers and engines say may hold what containers are given: settings that nobody else is to read. */
import { AppError } from '../../../kernel/errors.ts'

/** Shorter values are words like `on` and `80`; they are no secrets, and taking them out leaves nothing to read. */
const [shortest, shortestLine] = [4, 8]

export type Redact = (text: string) => string

/** `secrets`: name → value. */
export function createRedact(secrets: Readonly<Record<string, string>>): Redact {
  const parts = Object.entries(secrets)
    .flatMap(([name, value]) => {
      const lines = value.split(/\r?\n/).filter((line) => line.length >= shortestLine)
      return [value, ...lines].map((text) => ({ name, text }))
    })
    .filter(({ text }) => text.length >= shortest)
    // The longest first: one may be a part of another.
    .toSorted((one, other) => other.text.length - one.text.length)
  return (text) => parts.reduce((rest, part) => rest.replaceAll(part.text, `[${part.name}]`), text)
}

/** The same error without them; what caused it is left out then, for it may say the same. */
export function redacted(error: AppError, redact: Redact): AppError {
  const detail = redact(error.detail)
  return detail === error.detail ? error : new AppError(error.code, detail, { data: { ...error.data } })
}
