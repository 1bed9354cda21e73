/** Which version of the API is spoken: the newest that both know. */
import { z } from 'zod'
import { engineError, type Asked } from './errors.ts'

export interface Spoken {
  /** `1.44`. */
  readonly api: string
  readonly engine: 'docker' | 'podman'
  /** Of the program: `28.2.2`. */
  readonly program: string
}

/** What this client was written for. 1.25 is Docker 1.13, of 2017: `Init` and processors by parts came with it. */
const [oldest, newest] = ['1.25', '1.51']

const told = z.object({
  ApiVersion: z.string().regex(/^\d+\.\d+$/),
  MinAPIVersion: z
    .string()
    .regex(/^\d+\.\d+$/)
    .optional(),
  Version: z.string().default(''),
  Components: z.array(z.object({ Name: z.string() })).default([]),
})

/** Of what `GET /version` answered. Throws AppError where there is none in common. */
export function chooseVersion(asked: Asked, answer: unknown): Spoken {
  const read = told.safeParse(answer)
  if (!read.success) throw engineError(asked, 'malformed', 'an answer that is none of an engine for containers')
  const { ApiVersion: most, MinAPIVersion: least, Version: program, Components: parts } = read.data
  if (isBelow(most, oldest)) {
    const said = `the engine speaks API ${most} at most, and at least ${oldest} is needed; update the engine`
    throw engineError(asked, 'version', said)
  }
  if (least !== undefined && isBelow(newest, least)) {
    const said = `the engine speaks API ${least} at least, and ${newest} is the newest known here; update Regista`
    throw engineError(asked, 'version', said)
  }
  const engine = parts.some(({ Name }) => /podman/i.test(Name)) ? 'podman' : 'docker'
  return { api: isBelow(most, newest) ? most : newest, engine, program }
}

export function isBelow(one: string, other: string): boolean {
  const [major, minor] = one.split('.').map(Number) as [number, number]
  const [otherMajor, otherMinor] = other.split('.').map(Number) as [number, number]
  return major === otherMajor ? minor < otherMinor : major < otherMajor
}
