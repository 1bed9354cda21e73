/** What `npm run bench` and `npm run prove` share: the command line, finding the files, running them in turn. */
import { globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const root = dirname(import.meta.dirname)

export interface CommandLine {
  readonly kind: 'bench' | 'prove'
  readonly registry: string
  /** Names or ends of names; none: all. */
  readonly rows: readonly string[]
  readonly long: boolean
  readonly list: boolean
}

export interface Runnable {
  readonly name: string
  /** Prints its lines; resolves to whether every promise was met. */
  run(print: (line: object) => void, options: { readonly long: boolean }): Promise<boolean>
}

export function readCommandLine(args: readonly string[], kind: CommandLine['kind']): CommandLine {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { list: { type: 'boolean' }, short: { type: 'boolean' } },
  })
  // `modules kill` or `modules.kill`, as --list names it.
  const [registry = '', ...rows] = positionals.flatMap((name, n) =>
    n === 0 && name.includes('.') ? [name.split('.')[0]!, name] : [name],
  )
  return { kind, registry, rows, long: values.short !== true, list: values.list === true }
}

/** Files of one registry, or of all when none is named. */
async function load<T>({ kind, registry }: CommandLine): Promise<T[]> {
  const exported = kind === 'bench' ? 'benches' : 'proofs'
  const pattern = registry === '' ? `${kind}/*.ts` : `${kind}/{${registry},${registry}-*}.ts`
  const found: T[] = []
  for (const file of globSync(pattern, { cwd: root }).toSorted()) {
    const module = (await import(join(root, file))) as Record<string, T>
    if (module[exported] !== undefined) found.push(module[exported])
  }
  return found
}

export async function runAll<T>(line: CommandLine, read: (exported: T) => Runnable[]): Promise<number> {
  const all = (await load<T>(line)).flatMap(read)
  const wanted = (name: string) =>
    line.rows.length === 0 || line.rows.some((row) => name === row || name.endsWith(`.${row}`))
  const chosen = all.filter(({ name }) => wanted(name))
  if (line.list || line.registry === '') {
    process.stdout.write(chosen.map(({ name }) => `${name}\n`).join(''))
    return 0
  }
  if (chosen.length === 0) {
    process.stderr.write(
      `nothing to ${line.kind} for ${[line.registry, ...line.rows].join(' ')}; --list names what there is\n`,
    )
    return 1
  }
  let ok = true
  for (const each of chosen) ok = (await runOne(each, line)) && ok
  return ok ? 0 : 1
}

/** A row that says nothing has shown nothing. */
async function runOne({ name, run }: Runnable, { kind, long }: CommandLine): Promise<boolean> {
  let lines = 0
  const print = (line: object) => {
    lines += 1
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }
  process.stderr.write(`▸ ${name}\n`)
  const began = performance.now()
  try {
    const met = await run(print, { long })
    if (lines === 0) throw new Error('no figure was reported')
    return met
  } catch (thrown) {
    print({ [kind]: name, ok: false, error: thrown instanceof Error ? thrown.message : String(thrown) })
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`)
    return false
  } finally {
    process.stderr.write(`  ${((performance.now() - began) / 1000).toFixed(1)} s\n`)
  }
}
