/** What can be wrong with one manifest. The texts are the original's; its users search logs for them. */
export type ProblemKind =
  /** It cannot be read as YAML. */
  | 'syntax'
  /** It is YAML, and something in it cannot be understood. */
  | 'content'
  /** A value cannot be written as the targets hold it. */
  | 'value'
  | 'no-metadata'
  | 'no-identifier'
  | 'no-type'
  /** The file itself: vanished, not a file, not readable, too large. */
  | 'file'
  | 'duplicate'

export class ManifestError extends Error {
  readonly kind: ProblemKind
  /** Of the capability, as far as it could be read. */
  readonly identifier: string | null

  constructor(kind: ProblemKind, message: string, identifier: string | null = null) {
    super(message)
    this.name = 'ManifestError'
    this.kind = kind
    this.identifier = identifier
  }
}

/** A name may hold line breaks, which would make a line of their own in logs and lists. */
export function shownFile(name: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is replaced
  return name.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (unit) => JSON.stringify(unit).slice(1, -1))
}

/** One sentence that names the file. */
export function describeProblem(name: string, error: ManifestError): string {
  const file = shownFile(name)
  switch (error.kind) {
    case 'no-metadata':
      return `Invalid manifest (missing metadata): ${file}`
    case 'no-identifier':
      return `Missing dc_identifier: ${file}`
    case 'no-type':
      return `Unknown capability type: ${file}`
    case 'syntax':
      return `Failed to parse ${file}: ${error.message}`
    case 'value':
      return `Failed to sync ${error.identifier ?? file} to etcd: ${error.message}`
    case 'content':
    case 'file':
    case 'duplicate':
      return `Error processing ${file}: ${error.message}`
  }
}
