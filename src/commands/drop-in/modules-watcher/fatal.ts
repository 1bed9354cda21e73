/** Ends the watcher with code 1, after a line of its own. */
export class Fatal extends Error {
  readonly fields: Readonly<Record<string, unknown>>

  constructor(message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.fields = fields
  }
}
