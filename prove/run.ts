/**
 * `npm run prove -- <registry> [row …]`: the promises that are not benchmarks, in full. stdout has one
 * JSON line per result. Exit 1 when one does not hold. --list names the rows, --short runs a tenth.
 */
import { readCommandLine, runAll, type Runnable } from '../bench/runner.ts'
import type { Proofs } from './report.ts'

export function main(args: readonly string[]): Promise<number> {
  return runAll<Proofs>(readCommandLine(args, 'prove'), (proofs) =>
    Object.entries(proofs).map(([name, proof]): Runnable => {
      const run: Runnable['run'] = async (print, options) => {
        let held = true
        await proof(({ part, ...result }) => {
          held &&= result.ok
          print({ prove: part === undefined ? name : `${name}.${part}`, ...result })
        }, options)
        return held
      }
      return { name, run }
    }),
  )
}
