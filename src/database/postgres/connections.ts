import pg from 'pg'
import type { Ms } from '../../kernel/clock.ts'
import type { Cell } from '../cells.ts'
import type { Statement } from '../query-sql.ts'
import { fromPostgres, type Bound } from './dialect.ts'
import { postgresError } from './errors.ts'

/** Every wait has a bound, on both sides of the wire. */
const limits = {
  connect: 5_000,
  statement: 30_000,
  /** A replica that hangs inside a transaction holds the head; the server ends it. */
  idleInTransaction: 10_000,
  /** Longer than `statement`, so that the server's own answer comes first. */
  query: 40_000,
} as const satisfies Record<string, Ms>

const int8 = 20

/** Positions and instants are safe integers: numbers, not the driver's default text. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: 'text' | 'binary') =>
    oid === int8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
}

export function clientConfig(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    types,
    application_name: 'regista',
    keepAlive: true,
    connectionTimeoutMillis: limits.connect,
    statement_timeout: limits.statement,
    idle_in_transaction_session_timeout: limits.idleInTransaction,
    query_timeout: limits.query,
  }
}

/** For migrations: rewriting a large table, or waiting for another replica that does, takes what it takes. */
export function patientConfig(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    types,
    application_name: 'regista',
    keepAlive: true,
    connectionTimeoutMillis: limits.connect,
  }
}

export type Client = pg.ClientBase

export interface Prepared {
  /** Compiled once per connection under this name. */
  readonly name?: string
}

/** Rows as cells, in the order of the selected columns. */
export async function query(
  client: Pick<pg.ClientBase, 'query'> | pg.Pool,
  statement: Statement<Bound> & Prepared,
): Promise<Cell[][]> {
  try {
    const { rows } = await (client as pg.ClientBase).query({
      ...statement,
      values: [...statement.values],
      rowMode: 'array',
    })
    return rows.map((row: (Cell | boolean)[]) => row.map(fromPostgres))
  } catch (error) {
    throw postgresError(error)
  }
}

/** A connection that is made when it is needed, and made anew after it was lost. */
export interface OwnClient {
  get(): Promise<pg.Client>
  /** The connection is in doubt: the next `get` makes another. */
  drop(client: pg.Client): void
  close(): Promise<void>
}

export function ownClient(url: string): OwnClient {
  let live: pg.Client | null = null
  let connecting: Promise<pg.Client> | null = null

  const drop = (client: pg.Client) => {
    if (live === client) live = null
    // Not awaited: the other end may be gone for good.
    void client.end().catch(() => {})
  }
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client(clientConfig(url))
    client.on('error', () => drop(client))
    client.on('end', () => drop(client))
    try {
      await client.connect()
      live = client
      return client
    } catch (error) {
      drop(client)
      throw postgresError(error)
    } finally {
      connecting = null
    }
  }
  return {
    get: () => (live ? Promise.resolve(live) : (connecting ??= connect())),
    drop,
    async close() {
      await connecting?.catch(() => {})
      await live?.end().catch(() => {})
    },
  }
}
