/** What the modules registry keeps in step: the documentation of one release channel of one module. */
export interface ModuleDocument {
  readonly module: string
  readonly channel: string
  /** As version.json of the release image says: `v1.2.3`. */
  readonly version: string
  /** Digest of the archive that builders take; its bytes are in the archive folder. */
  readonly archive: string
  /** Of the archive, in bytes. */
  readonly size: number
  /** Where it was found: the base of its registry. */
  readonly registry: string
}
