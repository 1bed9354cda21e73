/** Of `regista services`: registrations, one by one or from a file. */
import { readFileSync } from 'node:fs'
import { InvalidArgumentError, type Command } from 'commander'
import { AppError } from '../kernel/errors.ts'
import { openClient, type Client } from './client.ts'
import { counted, examples, exitCodes, printJson, type Act, type Run } from './command.ts'
import { base, typeArgument } from './services-client.ts'
import { oneLine } from './terminal.ts'

interface RegisterOptions {
  readonly parent?: string
  readonly kind?: string
  readonly component?: string
  readonly source?: string
  readonly metadata?: readonly (readonly [string, string])[]
  readonly spiffe?: string
  readonly interval?: string
  readonly inactiveAfter?: string
  readonly file?: string
}

export function declareServicesRegister(group: Command, act: Act): void {
  group
    .command('register')
    .description('Register a service before it reports, or many from a file; the same again changes nothing')
    .addArgument(typeArgument())
    .argument('[id]')
    .option('--parent <id>', 'Of an agent its poller, of a checker its agent')
    .option('--kind <kind>', 'Of a checker: snmp, sysmon …')
    .option('--component <id>', 'Id of the package that it came in; default: its own id')
    .option('--source <source>', 'config (default), edge_onboarding or k8s_spiffe')
    .option('--metadata <name=value...>', 'Whatever is to be known of it', pairs)
    .option('--spiffe <id>', 'Its SPIFFE id')
    .option('--interval <length>', 'Time between two of its heartbeats, such as 30s')
    .option('--inactive-after <length>', 'Silence after which it is inactive, such as 24h')
    .option('--file <file>', 'JSON or one JSON object per line, each as the API takes it; - is stdin')
    .addHelpText(
      'after',
      examples(
        ['regista services register poller edge-1 --metadata site=ber', 'one of them'],
        ['regista services register checker snmp@edge-1-a --parent edge-1-a --kind snmp', 'below an agent'],
        ['regista services register agent --file agents.jsonl', 'many; exit code 1 if any is refused'],
      ),
    )
    .action(act(register))
}

function pairs(text: string, before: readonly (readonly [string, string])[] = []) {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It takes name=value.')
  return [...before, [text.slice(0, at), text.slice(at + 1)] as const]
}

interface One {
  readonly result: 'registered' | 'claimed' | 'unchanged'
  readonly service_type: string
  readonly service_id: string
  readonly status: string
}

async function register(run: Run, type: string, id: string | undefined, options: RegisterOptions): Promise<number> {
  const { file, ...about } = options
  if ((id === undefined) === (file === undefined))
    throw new AppError('request.invalid', 'name an id, or a file with --file')
  await using client = await openClient(run)
  if (file !== undefined) return registerMany(run, client, type, readItems(file))
  const done = await client.post<One>(`${base}/${type}s`, bodyOf(id!, about))
  if (run.globals.output === 'json') printJson(run.terminal, done)
  else run.terminal.out(`${done.result}: ${oneLine(`${type} ${done.service_id}`)}, ${done.status}\n`)
  return exitCodes.ok
}

function bodyOf(id: string, { parent, kind, component, source, metadata, spiffe, ...times }: RegisterOptions) {
  return {
    service_id: id,
    parent_id: parent,
    checker_kind: kind,
    component_id: component,
    registration_source: source,
    metadata: metadata && Object.fromEntries(metadata),
    spiffe_identity: spiffe,
    interval: times.interval,
    inactive_after: times.inactiveAfter,
  }
}

/** A list, an object that holds one, or lines. */
function readItems(file: string): readonly unknown[] {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8').trim()
  try {
    if (text.startsWith('[')) return JSON.parse(text) as unknown[]
    const lines = text.split('\n')
    const [whole] = lines.length === 1 || text.startsWith('{\n') ? [JSON.parse(text) as { services?: unknown[] }] : []
    if (whole !== undefined) return whole.services ?? [whole]
    return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as unknown)
  } catch (thrown) {
    throw new AppError('request.invalid', `${file} is neither JSON nor one JSON object per line`, { cause: thrown })
  }
}

interface Many {
  readonly registered: number
  readonly claimed: number
  readonly unchanged: number
  readonly refused: number
  readonly items: readonly {
    readonly index: number
    readonly service_id?: string
    readonly result: string
    readonly detail?: string
  }[]
}

const atOnce = 1_000

async function registerMany(run: Run, client: Client, type: string, items: readonly unknown[]): Promise<number> {
  const sum = { registered: 0, claimed: 0, unchanged: 0, refused: 0 }
  const refused: Many['items'][number][] = []
  for (let from = 0; from < items.length; from += atOnce) {
    const done = await client.post<Many>(`${base}/${type}s`, items.slice(from, from + atOnce))
    for (const name of ['registered', 'claimed', 'unchanged', 'refused'] as const) sum[name] += done[name]
    for (const item of done.items) if (item.result === 'refused') refused.push({ ...item, index: from + item.index })
  }
  const { terminal, globals } = run
  if (globals.output === 'json') printJson(terminal, { ...sum, items: refused })
  else
    terminal.out(
      `${counted(items.length, type)}: ${Object.entries(sum)
        .map(([name, n]) => `${n} ${name}`)
        .join(', ')}\n`,
    )
  for (const { index, service_id: id, detail } of refused) {
    terminal.err(`${oneLine(id ?? `number ${index + 1}`)}: ${oneLine(detail ?? 'refused')}\n`)
  }
  return refused.length === 0 ? exitCodes.ok : exitCodes.failed
}
