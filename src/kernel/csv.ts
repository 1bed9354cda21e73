/** One record of CSV (RFC 4180), with its line end. */
export function csvLine(fields: readonly unknown[]): string {
  return `${fields.map(csvField).join(',')}\r\n`
}

/** Spreadsheets compute what begins so, and ids are chosen by whoever sends them. */
const formula = /^[=+\-@\t\r]/

function csvField(value: unknown): string {
  if (value === null || value === undefined) return ''
  const whole = typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean)
  const text = typeof value === 'string' && formula.test(whole) ? `'${whole}` : whole
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
