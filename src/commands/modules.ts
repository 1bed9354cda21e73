import { AppError } from '../kernel/errors.ts'
import { openClient, type Client } from './client.ts'
import { examples, exitCodes, show, type Declare } from './command.ts'
import type { Column } from './table.ts'

/** What the API answers. */
interface Item {
  readonly sync: string
  readonly module: string
  readonly channel: string
  readonly version: string
  readonly registry: string
  readonly shadowed: boolean
  readonly targets: Readonly<Record<string, string>>
}

interface ListOptions {
  readonly sync?: string
  readonly module?: string
  readonly channel?: string
}

export const declareModules: Declare = (program, act) => {
  const group = program
    .command('modules')
    .description('Look up what registries release, and where its documentation is')
    .addHelpText(
      'after',
      examples(
        ['regista modules list', 'every channel of every module'],
        ['regista modules list --channel stable', 'what is stable'],
        ['regista modules list --module console --output json', 'all that is known of one, for programs'],
        ['regista explain console/stable', 'why a channel is as it is at each builder'],
      ),
    )
  group
    .command('list')
    .description('List what registries release, by module and channel')
    .option('--sync <name>', 'Only of this sync')
    .option('--module <name>', 'Only of this module')
    .option('--channel <name>', 'Only of this channel: alpha, beta, early-access, stable, rock-solid')
    .action(
      act(async (run, filters: ListOptions) => {
        await using client = await openClient(run)
        show(run, columns, await found(client, filters))
        return exitCodes.ok
      }),
    )
}

async function found(client: Client, filters: ListOptions): Promise<readonly Item[]> {
  try {
    return await client.list<Item>('/api/v1/modules', { ...filters })
  } catch (thrown) {
    // Routes come with the section.
    const missing = thrown instanceof AppError && thrown.code === 'request.not-found'
    if (!missing) throw thrown
    throw new AppError(thrown.code, 'the configuration has no section modules; docs/modules.md shows one')
  }
}

const columns: readonly Column<Item>[] = [
  { name: 'MODULE', value: (row) => row.module },
  { name: 'CHANNEL', value: (row) => row.channel },
  { name: 'VERSION', value: (row) => row.version },
  { name: 'REGISTRY', value: (row) => row.registry },
  // Another registry, listed before, has the same channel of this module.
  { name: 'SHADOWED', value: (row) => row.shadowed, style: (row) => (row.shadowed ? 'yellow' : undefined) },
  { name: 'SYNC', value: (row) => row.sync },
  { name: 'TARGETS', value: targetsText, style: (row) => (isApplied(row) ? 'green' : 'yellow') },
]

function isApplied({ targets }: Item): boolean {
  return Object.values(targets).every((state) => state === 'applied')
}

function targetsText({ targets }: Item): string {
  return Object.entries(targets)
    .map(([target, state]) => `${target}:${state}`)
    .join(' ')
}
