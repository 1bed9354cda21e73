/**
 * The shapes of manifests as JSON Schema, for Ajv. Each description completes "must be …", in the words
 * that findings use. The schema shape says what the schemas of the original's project say
 * (capability-common, -service and -pattern, draft-07).
 */
import type { JsonObject } from '../../../kernel/json.ts'
import type { CapabilityType } from '../manifest/types/index.ts'

const text: JsonObject = { type: 'string', description: 'text' }
const textOf = (minLength: number, maxLength: number): JsonObject => ({
  type: 'string',
  minLength,
  maxLength,
  description: `text of ${minLength} to ${maxLength} characters`,
})
const listOf = (items: JsonObject): JsonObject => ({ type: 'array', items, description: 'a list' })
const fullListOf = (items: JsonObject): JsonObject => ({
  ...listOf(items),
  minItems: 1,
  description: 'a list of at least one',
})
const identifier: JsonObject = { type: 'string', format: 'identifier', description: 'an identifier: chora.DOMAIN.NAME' }
const date: JsonObject = {
  type: 'string',
  pattern: '^\\d{4}(-\\d{2}(-\\d{2}(T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})?)?)?)?$',
  description: "a date as text, in quotes: '2025-11-15'",
}
const creator: JsonObject = { type: ['string', 'array'], description: 'text, or a list of it' }
const apiVersion: JsonObject = { const: 'chora.dev/v1', description: 'chora.dev/v1' }
const kind: JsonObject = { const: 'Capability', description: 'Capability' }

/** As the manifests are. What is judged by rules of its own (identifier, version, dependencies) is not here. */
export function flatSchema({ block, flat }: CapabilityType): JsonObject {
  return {
    type: 'object',
    properties: {
      apiVersion,
      kind,
      metadata: {
        type: 'object',
        required: ['dc_title', 'dc_description'],
        properties: {
          dc_identifier: text,
          dc_identifier_legacy: text,
          dc_title: text,
          dc_description: text,
          dc_creator: creator,
          dc_date: date,
          dc_format: text,
          dc_subject: listOf(text),
        },
      },
      [block]: flat,
    },
  }
}

const dependency: JsonObject = {
  type: 'object',
  required: ['capability', 'relationship'],
  properties: { capability: identifier, relationship: text, description: textOf(10, 250) },
  description: 'a mapping with capability and relationship',
}

export function specSchema({ dcType, format, spec }: CapabilityType): JsonObject {
  const relations = ['requires', 'optional', 'conflicts', 'extends', 'prerequisite_knowledge']
  const coverage = ['broader', 'narrower', 'related']
  const statuses = ['active', 'pilot', 'draft', 'deprecated']
  return {
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'status', 'spec'],
    properties: {
      apiVersion,
      kind,
      metadata: {
        type: 'object',
        required: ['dc_title', 'dc_description', 'dc_type'],
        properties: {
          dc_identifier: text,
          dc_identifier_legacy: { type: 'string', pattern: '^SAP-\\d{3}$', description: 'like SAP-044' },
          dc_title: textOf(10, 100),
          dc_description: textOf(20, 250),
          dc_type: { const: dcType, description: dcType },
          dc_creator: creator,
          dc_date: date,
          updated_at: date,
          dc_format: { const: format, description: format },
          dc_subject: fullListOf(textOf(2, 50)),
          dc_contributor: fullListOf(text),
          dc_publisher: text,
          dc_rights: text,
          dc_language: { type: 'string', pattern: '^[a-z]{2}(-[A-Z]{2})?$', description: 'a language such as en' },
          dc_relation: {
            type: 'object',
            properties: Object.fromEntries(relations.map((name) => [name, listOf(dependency)])),
            description: 'a mapping',
          },
          dc_coverage: {
            type: 'object',
            properties: Object.fromEntries(coverage.map((name) => [name, listOf(identifier)])),
            description: 'a mapping',
          },
        },
      },
      status: { enum: statuses, description: `one of ${statuses.join(', ')}` },
      spec,
    },
    additionalProperties: false,
  }
}
