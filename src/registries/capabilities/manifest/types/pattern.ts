/** Something to read and adopt: five documents, and nothing that runs. */
import { adoption } from './adoption.ts'
import type { CapabilityType } from './type.ts'

const documents = ['capability-charter', 'protocol-spec', 'awareness-guide', 'adoption-blueprint', 'ledger']
const text = { type: 'string', description: 'text' }

export const pattern: CapabilityType = {
  name: 'pattern',
  block: 'chora_pattern',
  dcType: 'Pattern',
  format: 'text/markdown',
  mayRequire: {
    service: ['runtime', 'optional'],
    pattern: ['prerequisite', 'optional', 'extends'],
  },
  flat: {
    type: ['object', 'null'],
    properties: {
      artifacts: {
        type: 'array',
        items: {
          type: 'object',
          required: ['type', 'path'],
          properties: { type: text, path: text, format: text },
          description: 'a mapping with type and path',
        },
        description: 'a list',
      },
    },
    description: 'a mapping',
  },
  spec: {
    type: 'object',
    required: ['chora_pattern'],
    properties: {
      chora_pattern: {
        type: 'object',
        required: ['artifacts'],
        properties: {
          artifacts: {
            type: 'array',
            minItems: documents.length,
            maxItems: documents.length,
            items: {
              type: 'object',
              required: ['type', 'path'],
              properties: {
                type: { enum: documents, description: `one of ${documents.join(', ')}` },
                path: {
                  type: 'string',
                  pattern: '^docs/skilled-awareness/[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*\\.md$',
                  description: 'like docs/skilled-awareness/NAME/DOCUMENT.md',
                },
              },
              description: 'a mapping with type and path',
            },
            allOf: documents.map((type) => ({
              contains: { type: 'object', required: ['type'], properties: { type: { const: type } } },
              description: `a list with a document of type ${type}`,
            })),
            description: `a list of ${documents.length}: ${documents.join(', ')}`,
          },
          chora_adoption: adoption,
        },
        description: 'a mapping',
      },
    },
    description: 'a mapping',
  },
}
