import { join, relative, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type {
  CapabilitiesConfig,
  Checked,
  Group,
  Level,
  ManifestFinding,
  Profile,
} from '../registries/capabilities/index.ts'
import { counted, examples, exitCodes, printJson, type Act, type Run } from './command.ts'
import { readConfig } from './configuration.ts'
import { sarifLog } from './sarif.ts'
import { oneLine, type Style } from './terminal.ts'

interface ValidateOptions {
  readonly profile: Profile
  readonly strict?: true
  readonly glob?: string
  readonly quiet?: true
}

/** There is nothing to check: a path that does not exist, a folder without manifests. */
const nothing = 2

export function declareValidateManifests(group: Command, act: Act): void {
  group
    .command('validate [path...]')
    .description(
      'Check manifests: their shape, their versions, and what they require of each other.\n' +
        'A path is a manifest, or a folder of them. Without paths: the folders that the configuration names.',
    )
    .addOption(
      new Option('--profile <name>', 'Which shape manifests should have')
        .choices(['de-facto', 'schema', 'loose'] satisfies Profile[])
        .default('de-facto'),
    )
    .option('--strict', 'Warnings count as findings, too')
    .option('--quiet', 'Show no notes')
    .option('--glob <pattern>', 'Which files of a folder are manifests; default: chora.*.yaml, or as configured')
    .addOption(new Option('--output <form>', 'How findings are printed').choices(['table', 'json', 'sarif']))
    .addHelpText(
      'after',
      `
Profiles:
  de-facto  the flat shape that manifests really have: chora_service or chora_pattern at the top
  schema    the shape of the JSON Schema of chora-base: spec, status, nothing else
  loose     whatever can be synced, and a graph that holds

Exit codes: 0 clean (warnings and notes are allowed); 1 findings; 2 there is nothing to check; 64 wrong arguments.
${examples(
  ['regista capabilities validate', 'what the configuration names'],
  ['regista capabilities validate capabilities/', 'a folder, without any configuration'],
  ['regista capabilities validate capabilities/chora.a.b.yaml', 'one manifest, beside its neighbours'],
  ['regista capabilities validate --strict --output sarif capabilities > capabilities.sarif', 'for code scanning'],
)}`,
    )
    .action(act(validate))
}

async function validate(run: Run, paths: readonly string[], options: ValidateOptions): Promise<number> {
  const { checkManifests, ruleTable } = await import('../registries/capabilities/index.ts')
  const groups = await groupsFor(run, paths, options)
  const checked = await checkManifests(groups, options.profile, run.stop)
  const shown = options.quiet ? checked.findings.filter(({ level }) => level !== 'note') : checked.findings
  const counts = countsOf(checked.findings)
  const failed = counts.error > 0 || (options.strict === true && counts.warning > 0)
  const empty = checked.manifests === 0 && checked.unavailable.length === 0
  for (const { detail } of checked.unavailable) run.terminal.err(`regista: ${oneLine(detail)}\n`)
  if (empty)
    run.terminal.err(
      `regista: no manifests in ${groups.map(({ folder }) => oneLine(folder)).join(', ') || 'the configuration'}\n`,
    )
  const code = checked.unavailable.length > 0 || empty ? nothing : failed ? exitCodes.failed : exitCodes.ok
  const { output } = run.globals
  if (output === 'sarif') {
    const { readVersion } = await import('../kernel/version.ts')
    const rules = Object.entries(ruleTable).flatMap(([id, { title, help, levels }]) => {
      const level = levels[options.profile]
      return level === 'off' ? [] : [[id, { title, help, level }] as const]
    })
    const base = process.cwd()
    const findings = shown.map((one) => ({ ...one, file: resolve(one.file), related: one.related.map(absolute) }))
    printJson(run.terminal, sarifLog({ version: readVersion(), rules: Object.fromEntries(rules), findings, base }))
  } else if (output === 'json') {
    const findings = shown.map(({ about: _about, ...finding }) => finding)
    printJson(run.terminal, {
      ok: code === exitCodes.ok,
      profile: options.profile,
      manifests: checked.manifests,
      counts,
      findings,
    })
  } else {
    printFindings(run, shown)
    if (code !== nothing) run.terminal.out(`${summary(checked, counts)}\n`)
  }
  return code
}

function absolute<P extends { readonly file: string }>(place: P): P {
  return { ...place, file: resolve(place.file) }
}

async function groupsFor(run: Run, paths: readonly string[], { glob }: ValidateOptions): Promise<Group[]> {
  const { configuredFolders, groupsOf, groupsOfFolders, standardGlob } =
    await import('../registries/capabilities/index.ts')
  if (paths.length > 0) {
    return groupsOf(paths, glob ?? standardGlob, { compat: false, versionSource: 'semver' })
  }
  const config = await readConfig(run)
  const folders = configuredFolders((config.sections.get('capabilities') ?? {}) as CapabilitiesConfig)
  const groups = groupsOfFolders(folders, config.base)
  // Named from here, as people would name them.
  return groups.map((group) => ({ ...group, folder: fromHere(group.folder), ...(glob !== undefined && { glob }) }))
}

function fromHere(path: string): string {
  const within = relative(process.cwd(), path)
  return within.startsWith('..') ? path : join(within, '.')
}

type Counts = Readonly<Record<Level, number>>

function countsOf(findings: readonly ManifestFinding[]): Counts {
  const count = (wanted: Level) => findings.filter(({ level }) => level === wanted).length
  return { error: count('error'), warning: count('warning'), note: count('note') }
}

const styles: Readonly<Record<Level, Style>> = { error: 'red', warning: 'yellow', note: 'dim' }

/** On a screen by file; piped one line each, as compilers print, so that editors find the place. */
function printFindings({ terminal }: Run, findings: readonly ManifestFinding[]): void {
  if (!terminal.screen) {
    for (const { file, line, column, level, what, next, rule } of findings) {
      terminal.out(`${oneLine(`${file}:${line}:${column}: ${level}: ${what}; ${next} [${rule}]`)}\n`)
    }
    return
  }
  for (const [file, ofFile] of Map.groupBy(findings, (finding) => finding.file)) {
    terminal.out(`${terminal.paint('bold', oneLine(file))}\n`)
    const width = Math.max(...ofFile.map(({ line, column }) => `${line}:${column}`.length))
    for (const { line, column, level, what, next, rule } of ofFile) {
      const place = `${line}:${column}`.padStart(width + 2)
      terminal.out(
        `${place}  ${terminal.paint(styles[level], level)}  ${oneLine(what)}  ${terminal.paint('dim', rule)}\n`,
      )
      terminal.out(`${' '.repeat(width + 4)}${terminal.paint('dim', oneLine(next))}\n`)
    }
    terminal.out('\n')
  }
}

function summary({ manifests, findings }: Checked, counts: Counts): string {
  const said = (['error', 'warning', 'note'] as const).filter((level) => counts[level] > 0)
  const files = new Set(findings.map(({ file }) => file)).size
  if (said.length === 0) return `${counted(manifests, 'manifest')}, nothing found`
  return `${counted(manifests, 'manifest')}, ${said.map((level) => counted(counts[level], level)).join(', ')} in ${counted(files, 'file')}`
}
