/** Findings as SARIF 2.1.0 (OASIS, 2020), which code scanning of forges and editors read. */
import { isAbsolute, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sha256 } from '../kernel/digest.ts'
import type { Json, JsonObject } from '../kernel/json.ts'

export interface SarifRule {
  readonly title: string
  readonly help: string
  readonly level: 'error' | 'warning' | 'note'
}

interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface SarifFinding extends Place {
  readonly rule: string
  readonly level: 'error' | 'warning' | 'note'
  readonly what: string
  readonly next: string
  readonly related: readonly Place[]
  /** What it is about without where, so that it is the same finding when lines move. */
  readonly about: string
}

export interface SarifRun {
  readonly version: string
  /** Every rule that could be found. */
  readonly rules: Readonly<Record<string, SarifRule>>
  readonly findings: readonly SarifFinding[]
  /** The folder that files are named from; files outside it keep their absolute address. */
  readonly base: string
}

export function sarifLog({ version, rules, findings, base }: SarifRun): JsonObject {
  const ids = Object.keys(rules)
  const where = (place: Place) => locationOf(place, base)
  const fingerprints = fingerprinted(findings, base)
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'regista', semanticVersion: version, rules: ids.map((id) => descriptorOf(id, rules[id]!)) },
        },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { ROOT: { uri: `${pathToFileURL(base).href.replace(/\/$/, '')}/` } },
        results: findings.map((finding, at) => ({
          ruleId: finding.rule,
          ruleIndex: ids.indexOf(finding.rule),
          level: finding.level,
          message: { text: `${finding.what}; ${finding.next}${finding.next.endsWith('?') ? '' : '.'}` },
          locations: [where(finding)],
          ...(finding.related.length > 0 && {
            relatedLocations: finding.related.map((place, id) => ({ id, ...where(place) })),
          }),
          partialFingerprints: { 'about/v1': fingerprints[at]! },
        })),
      },
    ],
  }
}

function descriptorOf(id: string, { title, help, level }: SarifRule): Json {
  return {
    id,
    name: id
      .split(/[/-]/)
      .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
      .join(''),
    shortDescription: { text: `${title}.` },
    fullDescription: { text: help },
    help: { text: help },
    defaultConfiguration: { level },
  }
}

function locationOf({ file, line, column }: Place, base: string): JsonObject {
  const within = relative(base, file)
  const outside = within.startsWith('..') || isAbsolute(within)
  const artifactLocation = outside
    ? { uri: pathToFileURL(file).href }
    : { uri: within.split(sep).map(encodeURIComponent).join('/'), uriBaseId: 'ROOT' }
  return { physicalLocation: { artifactLocation, region: { startLine: line, startColumn: column } } }
}

/** Two findings of one file about the same are told apart by their order. */
function fingerprinted(findings: readonly SarifFinding[], base: string): string[] {
  const seen = new Map<string, number>()
  return findings.map(({ rule, file, about }) => {
    const text = JSON.stringify([rule, relative(base, file), about])
    const before = seen.get(text) ?? 0
    seen.set(text, before + 1)
    return `${sha256(text).slice(0, 32)}:${before + 1}`
  })
}
