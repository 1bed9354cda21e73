import { oneLine, type Style, type Terminal } from './terminal.ts'

export type Cell = string | number | boolean | null | undefined

export interface Column<R> {
  /** Upper case; the first line of the table. Scripts may rely on names and their order. */
  readonly name: string
  readonly value: (row: R) => Cell
  readonly style?: (row: R) => Style | undefined
}

/** Between columns on a screen. */
const gap = '  '

/**
 * On a screen: aligned columns, cut at its width. Piped: tab-separated with the same header, nothing
 * cut, no colours, so that `cut -f2` and `awk -F'\t'` keep working. An empty cell is "-".
 */
export function printTable<R>(
  terminal: Terminal,
  columns: readonly Column<R>[],
  rows: readonly R[],
  options: { readonly header: boolean } = { header: true },
): void {
  const lines = tableLines(terminal, columns, rows)
  for (const line of options.header ? lines : lines.slice(1)) terminal.out(`${line}\n`)
}

function tableLines<R>(terminal: Terminal, columns: readonly Column<R>[], rows: readonly R[]): string[] {
  const header = columns.map(({ name }) => name)
  const texts = rows.map((row) => columns.map((column) => cellText(column.value(row))))
  if (!terminal.screen) return [header, ...texts].map((line) => line.join('\t'))

  const widths = fit(
    columns.map((_, i) => Math.max(...[header, ...texts].map((line) => Array.from(line[i]!).length))),
    terminal.columns - gap.length * (columns.length - 1),
  )
  const align = (text: string, i: number) => cut(text, widths[i]!).padEnd(i === columns.length - 1 ? 0 : widths[i]!)
  const head = terminal.paint('bold', header.map(align).join(gap).trimEnd())
  const body = rows.map((row, r) =>
    texts[r]!.map((text, i) => {
      const style = columns[i]!.style?.(row)
      return style === undefined ? align(text, i) : terminal.paint(style, align(text, i))
    })
      .join(gap)
      .trimEnd(),
  )
  return [head, ...body]
}

function cellText(value: Cell): string {
  if (value === null || value === undefined || value === '') return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return oneLine(String(value))
}

/** Takes from the widest columns until the line fits; none gets narrower than 8. */
function fit(widths: readonly number[], most: number): number[] {
  const fitted = [...widths]
  for (let over = fitted.reduce((a, b) => a + b, 0) - most; over > 0; over--) {
    const widest = fitted.indexOf(Math.max(...fitted))
    if (fitted[widest]! <= 8) break
    fitted[widest]!--
  }
  return fitted
}

function cut(text: string, width: number): string {
  const characters = Array.from(text)
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}
