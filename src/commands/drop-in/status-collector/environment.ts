/** Reads the environment of a role: all that is missing at once, then all that is wrong. */
import type { Ms } from '../../../kernel/clock.ts'
import { readGoDuration } from './duration.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** Its message is what the command says before it ends with code 1. */
export class WrongEnvironment extends Error {}

export interface Reader {
  /** '' and nothing at all are the same. */
  text(name: string): string | null
  /** Without the line break that secrets from files end with. */
  secret(name: string): string | null
  list(name: string): string[]
  flag(name: string): boolean
  choice<T extends string>(name: string, choices: readonly T[], usual: T): T
  /** As Go reads it; `least` is what has to be exceeded. */
  duration(name: string, usual: Ms): Ms
  port(name: string): number | null
  /** A whole number from 0 on; 0 where nothing is given. */
  count(name: string): number
  /** For what reads well and does not fit. */
  refuse(problem: string): void
}

/** Throws WrongEnvironment where `required` names what is not there, or `read` refused something. */
export function readEnvironment<T>(env: Env, required: readonly string[], read: (reader: Reader) => T): T {
  const missing = required.filter((name) => !env[name]?.trim())
  if (missing.length > 0) {
    throw new WrongEnvironment(`missing required environment variables:\n  ${missing.join('\n  ')}`)
  }
  const problems: string[] = []
  const settings = read(readerOf(env, (problem) => void problems.push(problem)))
  if (problems.length > 0) throw new WrongEnvironment(problems.join('\n'))
  return settings
}

function readerOf(env: Env, refuse: (problem: string) => void): Reader {
  const text = (name: string) => env[name] || null
  return {
    refuse,
    text,
    secret: (name) => env[name]?.trim() || null,
    list: (name) => [
      ...new Set(
        (env[name] ?? '')
          .split(',')
          .map((one) => one.trim())
          .filter((one) => one !== ''),
      ),
    ],
    flag(name) {
      const given = text(name)?.toLowerCase() ?? 'false'
      if (!/^(?:true|false|1|0|yes|no)$/.test(given)) refuse(`invalid ${name}: write true or false`)
      return /^(?:true|1|yes)$/.test(given)
    },
    choice(name, choices, usual) {
      const given = text(name) ?? usual
      const found = choices.find((one) => one === given)
      if (found === undefined) refuse(`invalid ${name}: ${JSON.stringify(given)} is none of ${choices.join(', ')}`)
      return found ?? usual
    },
    duration(name, usual) {
      const given = text(name)
      if (given === null) return usual
      const read = readGoDuration(given)
      if ('wrong' in read) refuse(`invalid ${name}: ${read.wrong}`)
      // The original ends with a stack trace.
      else if (read.ms <= 0) refuse(`invalid ${name}: ${JSON.stringify(given)} is not more than 0`)
      return 'wrong' in read ? usual : read.ms
    },
    count(name) {
      const given = text(name) ?? '0'
      if (!/^\d{1,9}$/.test(given)) refuse(`invalid ${name}: write a whole number`)
      return Number(given)
    },
    port(name) {
      const given = text(name)
      if (given === null) return null
      if (!/^\d{1,5}$/.test(given) || Number(given) > 65_535) refuse(`invalid ${name}: write a number up to 65535`)
      return Number(given)
    },
  }
}
