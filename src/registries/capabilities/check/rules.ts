/**
 * What can be found in manifests: one table. Identifiers are stable: they stand in CI configurations
 * and in the records of code scanning.
 *
 *   de-facto  the flat shape that manifests really have, with the block at the top
 *   schema    the shape that the JSON Schema of the original's project wants, with `spec` and `status`
 *   loose     whatever can be synced, and a graph that holds
 */
export type Profile = 'de-facto' | 'schema' | 'loose'

export type Level = 'error' | 'warning' | 'note'

export interface Rule {
  readonly title: string
  /** Why it matters, and what to do. */
  readonly help: string
  readonly levels: Readonly<Record<Profile, Level | 'off'>>
  /** What it hits cannot be synced as it is. */
  readonly blocks?: true
}

const always = (level: Level) => ({ 'de-facto': level, 'schema': level, 'loose': level }) as const
const shape = { 'de-facto': 'warning', 'schema': 'error', 'loose': 'off' } as const

const rules = {
  'capability/unreadable': {
    title: 'The file cannot be read',
    help: 'It vanished, is no regular file, is too large or is not UTF-8 text. Its last good state stays in the stores.',
    levels: always('error'),
    blocks: true,
  },
  'capability/syntax': {
    title: 'The file is no YAML',
    help: 'Manifests are read as PyYAML reads them: YAML 1.1, one document, no tabs between tokens.',
    levels: always('error'),
    blocks: true,
  },
  'capability/missing-metadata': {
    title: 'There is no metadata',
    help: 'A manifest needs a mapping named metadata at the top.',
    levels: always('error'),
    blocks: true,
  },
  'capability/missing-identifier': {
    title: 'There is no identifier',
    help: 'metadata.dc_identifier names the capability; its keys in the stores are made of it.',
    levels: always('error'),
    blocks: true,
  },
  'capability/unknown-type': {
    title: 'The type of the capability cannot be told',
    help: 'Add the block of its type (chora_service, chora_pattern), or metadata.dc_type.',
    levels: always('error'),
    blocks: true,
  },
  'capability/invalid-value': {
    title: 'A value cannot be written',
    help: 'Values become JSON; an unquoted date is none: write dc_date: "2025-11-15". dc_relation.requires is a list.',
    levels: always('error'),
    blocks: true,
  },
  'capability/duplicate-identifier': {
    title: 'Two files have one identifier',
    help: 'Neither is synced, and what the stores hold stays, until only one of the files says it.',
    levels: always('error'),
    blocks: true,
  },
  'capability/missing-field': {
    title: 'A field is missing',
    help: 'Readers of the stores rely on it.',
    levels: shape,
  },
  'capability/invalid-field': {
    title: 'A field is not what it must be',
    help: 'Readers of the stores rely on its kind and form.',
    levels: shape,
  },
  'capability/unknown-field': {
    title: 'A field is not known to the schema',
    help: 'The schema takes apiVersion, kind, metadata, status and spec at the top, and nothing else.',
    levels: { 'de-facto': 'off', 'schema': 'error', 'loose': 'off' },
  },
  'capability/identifier-form': {
    title: 'The identifier has another form',
    help: 'Identifiers are chora.DOMAIN.NAME: lower case, digits and underscores in the name, at most 50 of them.',
    levels: { 'de-facto': 'warning', 'schema': 'error', 'loose': 'off' },
  },
  'capability/type-mismatch': {
    title: 'Block and dc_type disagree',
    help: 'The block decides. Readers that look at dc_type see another type.',
    levels: { 'de-facto': 'warning', 'schema': 'error', 'loose': 'warning' },
  },
  'capability/file-name': {
    title: 'The file is not named after its identifier',
    help: 'Nothing depends on it but people who look for the file.',
    levels: { 'de-facto': 'note', 'schema': 'note', 'loose': 'off' },
  },
  'capability/invalid-version': {
    title: 'The version is not SemVer',
    help: 'Constraints of dependents cannot be checked, and readers cannot compare it. Write MAJOR.MINOR.PATCH.',
    levels: { 'de-facto': 'error', 'schema': 'error', 'loose': 'warning' },
  },
  'capability/missing-version': {
    title: 'There is no version',
    help: '1.0.0 is written in its place. Say metadata.dc_hasVersion.',
    levels: { 'de-facto': 'warning', 'schema': 'error', 'loose': 'note' },
  },
  'capability/invalid-constraint': {
    title: 'The constraint is no range of SemVer',
    help: 'Write ^1.2.0, ~1.2, >=1.2.0 <2.0.0, or * for any version.',
    levels: { 'de-facto': 'error', 'schema': 'error', 'loose': 'warning' },
  },
  'capability/dangling-dependency': {
    title: 'A required capability does not exist',
    help: 'No manifest has this identifier. Correct it, add the manifest, or remove the dependency.',
    levels: always('error'),
  },
  'capability/dangling-reference': {
    title: 'A capability that is referred to does not exist',
    help: 'Nothing requires it: it stands in optional, extends, recommends or a similar list.',
    levels: { 'de-facto': 'warning', 'schema': 'warning', 'loose': 'note' },
  },
  'capability/dependency-cycle': {
    title: 'Capabilities require each other in a circle',
    help: 'None of them can be adopted first. Remove one of the edges, or make it optional.',
    levels: always('error'),
  },
  'capability/optional-cycle': {
    title: 'Capabilities refer to each other in a circle',
    help: 'At least one of the edges is not required, so that it does no harm.',
    levels: always('note'),
  },
  'capability/unmet-constraint': {
    title: 'The version that exists does not meet the constraint',
    help: 'Widen the constraint, or bring the required capability to a version that meets it.',
    levels: always('error'),
  },
  'capability/unknown-relationship': {
    title: 'The relationship is not known',
    help: 'Known are runtime, prerequisite, optional, conditional, extends, replaces and conflicts, among others.',
    levels: { 'de-facto': 'warning', 'schema': 'error', 'loose': 'note' },
  },
  'capability/relationship-not-allowed': {
    title: 'A capability of this type may not require one of that type in this way',
    help: 'A pattern can be read without a running service: it may require one as runtime or optional only.',
    levels: { 'de-facto': 'error', 'schema': 'error', 'loose': 'warning' },
  },
  'capability/repeated-dependency': {
    title: 'A capability is required twice',
    help: 'Readers take one of the two, and not all of them the same. Keep one.',
    levels: { 'de-facto': 'warning', 'schema': 'warning', 'loose': 'note' },
  },
} as const satisfies Readonly<Record<string, Rule>>

export type RuleId = keyof typeof rules

export const ruleTable: Readonly<Record<RuleId, Rule>> = rules
