import { InvalidArgumentError, Option, type Command } from 'commander'
import { serviceRights, type Caller, type Role, type ServiceRight } from '../kernel/route.ts'
import { openClient, segment } from './client.ts'
import { examples, exitCodes, printJson, show, type Act, type Declare, type Run } from './command.ts'
import { moment } from './moment.ts'
import type { Column } from './table.ts'

interface Token {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly scopes: Caller['scopes']
  readonly subject: string | null
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

interface CreateOptions {
  readonly role: Role
  readonly sync?: readonly string[]
  readonly kv?: readonly string[]
  readonly services?: readonly ServiceRight[]
  readonly subject?: string
  readonly expires?: string
}

const path = '/api/v1/tokens'

export const declareTokens: Declare = (program, act) => {
  const tokens = program
    .command('tokens')
    .description('Create, list and revoke access tokens')
    .addHelpText(
      'after',
      examples(
        ['regista tokens create ci --role operator --expires 90d', 'print a new token, this once'],
        ['regista tokens create portal --kv /chora/ --sync catalog', 'one that sees little'],
        ['regista tokens create edge --role operator --services beat', 'one that may only report'],
        ['regista tokens revoke 0123456789ab', 'at once'],
      ),
    )
  declareCreate(tokens, act)
  tokens.command('list').description('List tokens, the revoked ones too').action(act(list))
  tokens
    .command('revoke <id...>')
    .description('Revoke tokens by id, at once')
    .action(
      act(async (run, ids: string[]) => {
        await using client = await openClient(run)
        const revoked: Token[] = []
        for (const id of ids) revoked.push(await client.delete<Token>(`${path}/${segment(id)}`))
        show(run, columnsOf(run), revoked)
        return exitCodes.ok
      }),
    )
}

function declareCreate(tokens: Command, act: Act): void {
  tokens
    .command('create <name>')
    .description('Create a token and print it; it is never shown again')
    .addOption(new Option('--role <role>', 'What it may do').choices(['viewer', 'operator', 'admin']).default('viewer'))
    .option('--sync <name...>', 'Only these syncs')
    .option('--kv <prefix...>', 'Only keys that start with one of these')
    .addOption(
      new Option('--services <right...>', `Only these of the services: ${serviceRights.join(', ')}`).argParser(
        takeRights,
      ),
    )
    .option('--subject <subject>', 'Only for this one service or cluster')
    .option('--expires <length>', 'Valid for 12h, 90d; default: until it is revoked')
    .action(
      act(async (run, name: string, { role, sync, kv, services, subject, expires }: CreateOptions) => {
        await using client = await openClient(run)
        const scopes =
          sync === undefined && kv === undefined && services === undefined
            ? null
            : { ...(sync && { syncs: sync }), ...(kv && { kv }), ...(services && { services }) }
        const limits = {
          ...(subject !== undefined && { subject }),
          ...(expires !== undefined && { expiresIn: expires }),
        }
        const made = await client.post<Token & { token: string }>(path, { name, role, scopes, ...limits })
        if (run.globals.output === 'json') printJson(run.terminal, made)
        else run.terminal.out(`${made.token}\n`)
        if (run.terminal.screen) run.terminal.err('Keep it now: it is not shown again. Give it as REGISTA_TOKEN.\n')
        return exitCodes.ok
      }),
    )
}

/** `beat,read` and `beat read` alike. */
function takeRights(value: string, before: readonly ServiceRight[] | undefined): readonly ServiceRight[] {
  const given = value.split(',').map((word) => {
    const right = serviceRights.find((one) => one === word)
    if (right === undefined) throw new InvalidArgumentError(`Rights are ${serviceRights.join(', ')}.`)
    return right
  })
  return [...new Set([...(before ?? []), ...given])]
}

async function list(run: Run): Promise<number> {
  await using client = await openClient(run)
  show(run, columnsOf(run), await client.list<Token>(path))
  return exitCodes.ok
}

function columnsOf({ clock, terminal }: Run): readonly Column<Token>[] {
  const now = clock.now()
  return [
    { name: 'ID', value: (row) => row.id },
    { name: 'NAME', value: (row) => row.name },
    { name: 'ROLE', value: (row) => row.role },
    { name: 'LIMITS', value: limitsOf },
    {
      name: 'STATE',
      value: (row) => stateAt(row, now),
      style: (row) => (stateAt(row, now) === 'valid' ? 'green' : 'dim'),
    },
    { name: 'EXPIRES', value: (row) => moment(row.expiresAt, now, terminal) },
    { name: 'LAST USED', value: (row) => moment(row.lastUsedAt, now, terminal) },
  ]
}

function stateAt({ revokedAt, expiresAt }: Token, now: number): string {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'valid'
}

function limitsOf({ scopes, subject }: Token): string | null {
  const syncs = (scopes?.syncs ?? []).map((name) => `sync:${name}`)
  const prefixes = (scopes?.kv ?? []).map((prefix) => `kv:${prefix}`)
  const rights = (scopes?.services ?? []).map((right) => `services:${right}`)
  const parts = [...syncs, ...prefixes, ...rights, ...(subject === null ? [] : [`subject:${subject}`])]
  return parts.length === 0 ? null : parts.join(' ')
}
