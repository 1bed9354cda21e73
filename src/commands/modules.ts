import { AppError } from '../kernel/errors.ts'
import { openClient } from './client.ts'
import { examples, exitCodes, show, type Declare } from './command.ts'
import { targetsColumn } from './targets-column.ts'
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
        ['regista modules builders', 'documentation builders, and what others put there'],
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
        show(run, columns, await asked(client.list<Item>('/api/v1/modules', { ...filters })))
        return exitCodes.ok
      }),
    )
  group
    .command('builders')
    .description('List documentation builders: how they stand, what others put there, leases that name none')
    .option('--sync <name>', 'Only of this sync')
    .action(
      act(async (run, { sync }: { readonly sync?: string }) => {
        await using client = await openClient(run)
        const { builders, leases } = await asked(client.get<Builders>('/api/v1/modules/builders', { sync }))
        const idle = leases.filter(({ state }) => state !== 'held')
        const shown = [
          ...builders,
          ...idle.map(({ lease, holder, ...rest }) => ({ ...rest, target: lease, address: holder, foreign: null })),
        ]
        show(run, builderColumns, shown, { builders, leases })
        return exitCodes.ok
      }),
    )
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (thrown) {
    // Routes come with the section.
    const missing = thrown instanceof AppError && thrown.code === 'request.not-found'
    if (!missing) throw thrown
    throw new AppError(thrown.code, 'the configuration has no section modules; docs/modules.md shows one')
  }
}

interface Builder {
  readonly sync: string
  readonly target: string
  readonly address: string
  readonly state: string
  readonly detail: string | null
  readonly foreign: readonly { readonly module: string; readonly channel: string }[] | null
}

interface Builders {
  readonly builders: readonly Builder[]
  readonly leases: readonly (Pick<Builder, 'sync' | 'state' | 'detail'> & {
    readonly lease: string
    readonly holder: string
  })[]
}

const builderColumns: readonly Column<Builder>[] = [
  { name: 'TARGET', value: (row) => row.target },
  { name: 'ADDRESS', value: (row) => row.address },
  { name: 'STATE', value: (row) => row.state, style: (row) => (row.state === 'ok' ? 'green' : 'yellow') },
  { name: 'FOREIGN', value: (row) => row.foreign?.map(({ module, channel }) => `${module}/${channel}`).join(' ') },
  { name: 'SYNC', value: (row) => row.sync },
  { name: 'DETAIL', value: (row) => row.detail },
]

const columns: readonly Column<Item>[] = [
  { name: 'MODULE', value: (row) => row.module },
  { name: 'CHANNEL', value: (row) => row.channel },
  { name: 'VERSION', value: (row) => row.version },
  { name: 'REGISTRY', value: (row) => row.registry },
  // Another registry, listed before, has the same channel of this module.
  { name: 'SHADOWED', value: (row) => row.shadowed, style: (row) => (row.shadowed ? 'yellow' : undefined) },
  { name: 'SYNC', value: (row) => row.sync },
  targetsColumn,
]
