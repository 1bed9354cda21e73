/**
 * `npm run bench -- <registry> [bench …]`: measures against the limit and against the original or a
 * peer in one run. stdout has one JSON line per figure, stderr what is running. Exit 1 when a limit
 * is missed or a bench fails. --list names the benches, --short makes them small.
 */
import { readCommandLine, runAll, type Runnable } from './runner.ts'
import type { Benches, Figure, Limit } from './report.ts'

export function main(args: readonly string[]): Promise<number> {
  return runAll<Benches>(readCommandLine(args, 'bench'), (benches) =>
    Object.entries(benches).map(([name, bench]): Runnable => {
      const run: Runnable['run'] = async (print, options) => {
        let met = true
        await bench((figure) => {
          const ratio = figure.ratio ?? (figure.baseline === undefined ? undefined : figure.value / figure.baseline)
          const ok = isMet(figure, ratio)
          met &&= ok
          print({
            bench: figure.figure === undefined ? name : `${name}.${figure.figure}`,
            value: rounded(figure.value),
            unit: figure.unit,
            ...(figure.baseline !== undefined && { baseline: rounded(figure.baseline) }),
            ...(ratio !== undefined && { ratio: rounded(ratio) }),
            ...(figure.limit && { limit: textOf(figure.limit), ok }),
            ...(figure.note !== undefined && { note: figure.note }),
          })
        }, options)
        return met
      }
      return { name, run }
    }),
  )
}

function isMet({ value, limit }: Figure, ratio: number | undefined): boolean {
  if (limit === undefined) return true
  const bounded = limit.of === 'ratio' ? (ratio ?? Number.NaN) : value
  return bounded >= (limit.atLeast ?? -Infinity) && bounded <= (limit.atMost ?? Infinity)
}

function textOf({ of, atLeast, atMost }: Limit): string {
  const bounds = [atLeast !== undefined && `≥ ${atLeast}`, atMost !== undefined && `≤ ${atMost}`]
  return `${of ?? 'value'} ${bounds.filter(Boolean).join(', ')}`
}

/** Four significant digits: more would feign a precision that no run has. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
