import type { Config } from '../config/load.ts'
import { pathText } from '../config/problem.ts'
import type { Finding } from '../registries/registry.ts'
import { counted, examples, exitCodes, printJson, type Declare, type Run } from './command.ts'
import { readConfig } from './configuration.ts'
import { oneLine } from './terminal.ts'

export const declareValidate: Declare = (program, act) => {
  program
    .command('validate')
    .description('Check the configuration and what it names, without touching any target')
    .option('--schema', 'Print the JSON Schema of the configuration, for editors')
    .addHelpText(
      'after',
      examples(
        ['regista validate', 'every problem with file, line and next step'],
        ['regista validate -c prod.yaml --output json', 'the same for machines'],
        ['regista validate --schema > regista.schema.json', 'for an editor'],
      ),
    )
    .action(act((run, options: { schema?: true }) => (options.schema === true ? printSchema(run) : validate(run))))
}

async function printSchema(run: Run): Promise<number> {
  const [{ configJsonSchema }, { registries }] = await Promise.all([
    import('../config/json-schema.ts'),
    import('../registries/index.ts'),
  ])
  printJson(run.terminal, configJsonSchema(registries))
  return exitCodes.ok
}

/** Problems of the configuration itself are thrown by the loader and printed like every failure. */
async function validate(run: Run): Promise<number> {
  const config = await readConfig(run)
  const findings = await check(config, run.stop)
  const errors = findings.filter(({ level }) => level === 'error').length
  if (run.globals.output === 'json') {
    printJson(run.terminal, { ok: errors === 0, file: config.file, findings })
  } else {
    for (const finding of findings) run.terminal.out(`${oneLine(findingLine(finding))}\n`)
    const warnings = findings.length - errors
    const count = [errors > 0 && counted(errors, 'error'), warnings > 0 && counted(warnings, 'warning')]
      .filter(Boolean)
      .join(', ')
    run.terminal.out(`${config.file}: ${count || 'valid'}\n`)
  }
  return errors === 0 ? exitCodes.ok : exitCodes.failed
}

/** A registry's finding, with its place in the config file where it names no other. */
interface Found extends Omit<Finding, 'path'> {
  readonly path: string
  readonly place: string
}

async function check(config: Config, stop: AbortSignal): Promise<Found[]> {
  const { registries } = await import('../registries/index.ts')
  const found: Found[] = []
  for (const registry of registries) {
    if (registry.check === undefined || !config.sections.has(registry.name)) continue
    for await (const finding of registry.check(config.sections.get(registry.name), config.base, stop)) {
      const path = [registry.name, ...finding.path]
      found.push({ ...finding, path: pathText(path), place: finding.place ?? config.where(path) })
    }
  }
  return found
}

function findingLine({ level, path, place, what, hint }: Found): string {
  return `${level}: ${place}: ${path} ${what}${hint === undefined ? '' : `; ${hint}`}`
}
