import { Option, type Command } from 'commander'
import type { SyncStatus } from '../engine/engine.ts'
import type { DeliveryRow, EntryRow } from '../engine/tables.ts'
import { isoTime, type Instant } from '../kernel/clock.ts'
import { asked, declareClaimsFile, noSection } from './claims-file.ts'
import { openClient, segment, type Client } from './client.ts'
import { examples, exitCodes, printJson, show, type Act, type Declare, type Run } from './command.ts'
import { moment } from './moment.ts'
import type { Column } from './table.ts'
import { targetsColumn } from './targets-column.ts'
import { oneLine } from './terminal.ts'

const healths = ['active', 'creating', 'error', 'deleting', 'deleted', 'unknown'] as const
type Health = (typeof healths)[number]

interface Named {
  readonly cluster: string
  readonly claimRef: string
  readonly group?: string
  readonly kind?: string
}

/** What an entry of a sync of claims holds. */
interface Item {
  readonly cluster: string
  readonly claimRef: string
  readonly object: { readonly group: string; readonly kind: string } | null
  readonly message: string
  readonly health: Health | null
  readonly observedAt: Instant
}

interface Claim extends Named {
  readonly sync: string
  readonly key: string
  readonly health: Health | null
  readonly message: string
  /** RFC 3339: when it was first observed to be so. */
  readonly since: string
  readonly targets: Readonly<Record<string, string>>
}

interface Cluster {
  readonly cluster: string
  readonly claims: number
  /** RFC 3339. */
  readonly heardAt: string
}

interface ListOptions {
  readonly cluster?: string
  readonly health?: Health
  readonly sync?: string
}

export const declareClaims: Declare = (program, act) => {
  const group = program
    .command('claims')
    .description('Look up what clusters say of their claims, and what would be proposed to the registry')
    .addHelpText(
      'after',
      examples(
        ['regista claims list', 'every claim of every cluster, and since when it is so'],
        ['regista claims list --cluster prod --health error', 'what is wrong in one of them'],
        ['regista claims show prod team-a/orders', 'one of them, with its history'],
        ['regista claims clusters', 'who tells of claims, and when each was last heard of'],
        ['regista claims unmatched', 'claims that the registry has no entry for, or no clear one'],
        ['regista claims preview', 'what would be proposed now, as a diff'],
        ['regista claims reconcile', 'propose it, without waiting for the interval'],
      ),
    )
  declareList(group, act)
  group.command('show <cluster> <claim>').description('Show what was said of one claim, and when').action(act(showOne))
  group
    .command('clusters')
    .description('List clusters that tell of claims, and when each was last heard of')
    .action(
      act(async (run) => {
        await using client = await openClient(run)
        const { items } = await asked(client.get<{ items: Cluster[] }>('/api/v1/clusters'))
        show(run, clusterColumns(run), items)
        return exitCodes.ok
      }),
    )
  declareClaimsFile(group, act)
}

function declareList(group: Command, act: Act): void {
  group
    .command('list')
    .description('List claims: message, health, since when, and how they stand at each target')
    .option('--cluster <name>', 'Only of this cluster')
    .addOption(new Option('--health <name>', 'Only those that are so').choices(healths))
    .option('--sync <name>', 'Only of this sync')
    .action(act(list))
}

async function list(run: Run, { cluster, health, sync }: ListOptions): Promise<number> {
  await using client = await openClient(run)
  const known = await client.list<SyncStatus>('/api/v1/syncs')
  const syncs = known.filter((one) => one.registry === 'claims' && (sync === undefined || one.sync === sync))
  if (sync === undefined && syncs.length === 0) throw noSection()
  const prefix = cluster === undefined ? {} : { prefix: `${segment(cluster)}/` }
  const found = await Promise.all(syncs.map((one) => claimsOf(client, one.sync, prefix)))
  const rows = found.flat().filter((one) => health === undefined || one.health === health)
  show(run, columnsOf(run), rows)
  return exitCodes.ok
}

async function claimsOf(client: Client, sync: string, prefix: { readonly prefix?: string }): Promise<Claim[]> {
  const [entries, deliveries] = await Promise.all([
    client.list<EntryRow>('/api/v1/entries', { sync, state: 'live', items: true, ...prefix }),
    client.list<DeliveryRow>('/api/v1/deliveries', { sync, ...prefix }),
  ])
  const targets = new Map<string, Record<string, string>>()
  for (const { key, target, state, reason } of deliveries) {
    // What waits says on what: a request that is open, an entry that is not there.
    const said = state === 'waiting' && reason !== null ? reason : state
    targets.set(key, { ...targets.get(key), [target]: said })
  }
  return entries.map(({ key, item }) => {
    const { cluster, claimRef, object, health, message, observedAt } = item as unknown as Item
    const kind = object === null ? {} : { group: object.group, kind: object.kind }
    const said = { health, message, since: isoTime(observedAt) }
    return { sync, key, cluster, claimRef, ...kind, ...said, targets: targets.get(key) ?? {} }
  })
}

/** What the API answers of one claim: every object that goes by its name. */
interface Shown {
  readonly items: readonly (Named & {
    readonly key: string
    readonly state: 'live' | 'gone'
    readonly statusMessage: string
    readonly health?: Health
    readonly observedAt: string
    readonly receivedAt: string
    readonly by: string
    readonly history: readonly {
      readonly at: string
      readonly type: string
      readonly reason?: string
      readonly target?: string
      readonly data?: { readonly message?: string }
    }[]
  })[]
}

async function showOne(run: Run, cluster: string, claim: string): Promise<number> {
  await using client = await openClient(run)
  const found = await asked(client.get<Shown>(`/api/v1/status/${segment(cluster)}/${segment(claim)}`))
  if (run.globals.output === 'json') printJson(run.terminal, found)
  else for (const item of found.items) printItem(run, item)
  return exitCodes.ok
}

function printItem({ terminal }: Run, item: Shown['items'][number]): void {
  const say = (text: string) => terminal.out(`${oneLine(text)}\n`)
  const { cluster, claimRef, kind, state, statusMessage, health, observedAt, receivedAt, by, key, history } = item
  const more = [kind, state === 'gone' ? 'gone' : health].filter((part) => part !== undefined)
  const title = terminal.paint('bold', oneLine(`${cluster} ${claimRef}`))
  terminal.out(`${[title, ...(more.length > 0 ? [oneLine(more.join(', '))] : [])].join('  ')}\n`)
  say(`  says: ${statusMessage}`)
  say(`  observed: ${observedAt}, received ${receivedAt} from ${by}`)
  say(`  at targets: regista explain ${key}`)
  for (const { at, type, reason, target, data } of history.toReversed()) {
    const message = type.startsWith('claim.') ? data?.message : undefined
    say(`  ${[at, type, target, reason, message].filter((part) => part !== undefined).join(' ')}`)
  }
}

const styles = { active: 'green', error: 'red' } as const satisfies Partial<Record<Health, 'green' | 'red'>>

function columnsOf({ clock, terminal: { screen } }: Run): readonly Column<Claim>[] {
  return [
    { name: 'CLUSTER', value: (row) => row.cluster },
    { name: 'CLAIM', value: (row) => row.claimRef },
    { name: 'KIND', value: (row) => row.kind },
    {
      name: 'HEALTH',
      value: (row) => row.health,
      style: ({ health }) => (health === 'active' || health === 'error' ? styles[health] : undefined),
    },
    { name: 'SINCE', value: (row) => moment(Date.parse(row.since), clock.now(), { screen }) },
    { name: 'MESSAGE', value: (row) => row.message },
    { name: 'SYNC', value: (row) => row.sync },
    targetsColumn,
  ]
}

function clusterColumns({ clock, terminal: { screen } }: Run): readonly Column<Cluster>[] {
  return [
    { name: 'CLUSTER', value: (row) => row.cluster },
    { name: 'CLAIMS', value: (row) => row.claims },
    { name: 'LAST HEARD', value: (row) => moment(Date.parse(row.heardAt), clock.now(), { screen }) },
  ]
}
