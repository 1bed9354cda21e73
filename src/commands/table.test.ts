import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printTable, type Column } from './table.ts'
import { fakeTerminal } from './testing/terminal.ts'

interface Row {
  readonly name: string | null
  readonly count: number
  readonly ok: boolean
}

const columns: readonly Column<Row>[] = [
  { name: 'NAME', value: (row) => row.name },
  { name: 'COUNT', value: (row) => row.count },
  { name: 'OK', value: (row) => row.ok, style: (row) => (row.ok ? undefined : 'red') },
]

function print(rows: readonly Row[], given: Parameters<typeof fakeTerminal>[0] = {}): string {
  const { terminal, printed } = fakeTerminal(given)
  printTable(terminal, columns, rows)
  return printed.out
}

test('piped: tabs, a header, no colours, nothing cut, empty cells as "-"', () => {
  const long = 'n'.repeat(200)
  assert.equal(
    print([
      { name: long, count: 0, ok: true },
      { name: null, count: 12, ok: false },
    ]),
    `NAME\tCOUNT\tOK\n${long}\t0\tyes\n-\t12\tno\n`,
  )
})

test('a cell cannot break a column, a line or the terminal', () => {
  const name = 'a\tb\nc\u001b[31md\u202e'
  assert.equal(print([{ name, count: 1, ok: true }]), 'NAME\tCOUNT\tOK\na\\tb\\nc\\u001b[31md\\u202e\t1\tyes\n')
})

test('on a screen: aligned, cut at its width, coloured after cutting', () => {
  const out = print([{ name: 'n'.repeat(60), count: 1, ok: false }], { screen: true, columns: 30 })
  const header = `${'NAME'.padEnd(19)}  COUNT  OK`
  assert.equal(out, `<bold>${header}</bold>\n${'n'.repeat(18)}…  1      <red>no</red>\n`)
})

test('no rows: the header alone', () => {
  assert.equal(print([]), 'NAME\tCOUNT\tOK\n')
})
