/** `npm run reset`: forgets the quickstart's copy and everything recorded in it. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { acquire } from '../src/database/holder.ts'
import { messageOf } from '../src/kernel/errors.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { playground } from './quickstart.ts'

export function main(): Promise<number> {
  return Promise.resolve(reset())
}

function reset(): number {
  if (!existsSync(playground)) {
    process.stdout.write('Nothing to reset; npm start makes .regista/ from examples/quickstart/.\n')
    return 0
  }
  try {
    // Whoever serves from there would go on with files that are gone.
    acquire(join(playground, 'state'), systemClock).release()
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`)
    return 1
  }
  rmSync(playground, { recursive: true })
  process.stdout.write('Removed .regista/; npm start begins again from examples/quickstart/.\n')
  return 0
}
