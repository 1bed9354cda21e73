/** The declared tables against what the migrations make of an empty database. */
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import type { ColumnType, Table } from '../kernel/table.ts'
import { skipWithout } from '../../tests/parts/find.ts'
import { startPostgres, type PostgresServer } from '../../tests/parts/postgres.ts'
import { loadMigrations, pendingMigrations } from './migrations.ts'
import { columnTypes } from './postgres/dialect.ts'

const sqliteTypes: Record<ColumnType, string> = {
  text: 'TEXT',
  int: 'INTEGER',
  real: 'REAL',
  bool: 'INTEGER',
  json: 'TEXT',
  blob: 'BLOB',
}

/** Every table that any module of the program declares. */
async function declaredTables(): Promise<Table[]> {
  const src = new URL('../', import.meta.url)
  const found = new Map<string, Table>()
  for (const file of globSync('**/{tables,token,key-value,model}.ts', { cwd: src }).filter(
    (path) => !path.includes('testing'),
  )) {
    const module: Record<string, unknown> = await import(new URL(file, src).href)
    for (const value of Object.values(module)) if (isTable(value)) found.set(value.name, value)
  }
  return [...found.values()]
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && 'columns' in value && 'key' in value && 'name' in value
}

function expected(table: Table, types: Record<ColumnType, string>, seq: string): Record<string, string> {
  const columns = Object.entries<ColumnType>(table.columns).map(([name, type]) => [name, types[type]])
  return Object.fromEntries([...columns, ['seq', seq]])
}

describe('migrations', () => {
  let tables: readonly Table[]
  before(async () => {
    tables = await declaredTables()
  })

  it('sees the tables of every room', () => {
    const names = tables.map((table) => table.name).toSorted()
    const engine = ['delivery', 'entry', 'hold', 'scope', 'sync', 'target']
    const others = ['capability_submission', 'claim_cluster', 'claim_status', 'kv', 'notice', 'store', 'token']
    const ofServices = ['', '_job', '_liveness', '_preservation', '_quarantine', '_sample', '_sender'].map(
      (one) => `service${one}`,
    )
    const ofImages = ['hook_event', 'repository', 'settings', 'stage'].map((one) => `image_${one}`)
    assert.deepEqual(names, [...engine, ...others, ...ofImages, ...ofServices].toSorted())
  })

  it('makes every declared table on SQLite', () => {
    const db = new DatabaseSync(':memory:')
    for (const { sql } of loadMigrations('sqlite')) db.exec(sql)
    for (const table of tables) {
      const columns = db.prepare(`SELECT "name", "type", "pk", "notnull" FROM pragma_table_info('${table.name}')`).all()
      const made = Object.fromEntries(columns.map(({ name, type }) => [name, type]))
      assert.deepEqual(made, expected(table, sqliteTypes, 'INTEGER'), table.name)
      const key = columns.filter(({ pk }) => pk !== 0).toSorted((a, b) => Number(a['pk']) - Number(b['pk']))
      assert.deepEqual(
        key.map(({ name }) => name),
        table.key,
      )
      const required = columns.filter(({ notnull }) => notnull === 1).map(({ name }) => name)
      assert.deepEqual(new Set(required), new Set([...table.key, 'seq']), table.name)
    }
  })

  const skip = skipWithout('postgres', 'initdb')
  describe('on PostgreSQL', { skip }, () => {
    let server: PostgresServer
    let client: pg.Client
    before(async () => {
      server = await startPostgres()
      client = new pg.Client(await server.createDatabase())
      await client.connect()
      for (const { sql } of loadMigrations('postgres')) await client.query(sql)
    })
    after(async () => {
      await client?.end()
      await server?.stop()
    })

    it('makes every declared table, its text sorted by code point', async () => {
      for (const table of tables) {
        const { rows } = await client.query<{ column_name: string; data_type: string; collation_name: string | null }>(
          'SELECT column_name, data_type, collation_name FROM information_schema.columns WHERE table_name = $1',
          [table.name],
        )
        const made = Object.fromEntries(rows.map((row) => [row.column_name, row.data_type]))
        assert.deepEqual(made, expected(table, columnTypes, 'bigint'), table.name)
        const texts = rows.filter((row) => table.columns[row.column_name] === 'text')
        assert.ok(
          texts.every((row) => row.collation_name === 'C'),
          table.name,
        )
      }
    })
  })

  it('refuses what a newer program wrote', () => {
    const known = loadMigrations('sqlite')
    assert.deepEqual(pendingMigrations(known, known.length, 'file'), [])
    assert.throws(() => pendingMigrations(known, known.length + 1, 'file'), { code: 'journal.newer' })
  })
})
