/** Something that runs: it has interfaces, a health endpoint and a package. */
import type { JsonObject } from '../../../../kernel/json.ts'
import { adoption } from './adoption.ts'
import type { CapabilityType } from './type.ts'

const text = { type: 'string', description: 'text' }
const urlPath = { type: 'string', pattern: '^/', description: 'a path that begins with "/"' }
const seconds = { type: 'string', pattern: '^\\d+[smh]$', description: 'a length of time such as 10s or 5m' }

/** What each kind of interface must say besides its type. */
const needs = { cli: ['command', 'entrypoint'], rest: ['port'], mcp: ['transport', 'server_info'] }

const interfaceItem: JsonObject = {
  type: 'object',
  required: ['type'],
  properties: {
    type: { enum: Object.keys(needs), description: `one of ${Object.keys(needs).join(', ')}` },
    command: text,
    entrypoint: {
      type: 'string',
      pattern: '^[a-z_][a-z0-9_]*(\\.[a-z_][a-z0-9_]*)*:[a-z_][a-z0-9_]*$',
      description: 'a Python entry point such as package.module:function',
    },
    port: { type: 'integer', minimum: 1, maximum: 65_535, description: 'a port from 1 to 65535' },
    openapi: urlPath,
    transport: { enum: ['stdio', 'sse'], description: 'stdio or sse' },
    server_info: {
      type: 'object',
      required: ['name', 'version'],
      properties: { name: text, version: { type: 'string', format: 'semver', description: 'a version such as 1.2.0' } },
      description: 'a mapping with name and version',
    },
    description: { type: 'string', minLength: 10, maxLength: 250, description: 'text of 10 to 250 characters' },
  },
  allOf: Object.entries(needs).map(([type, required]) => ({
    if: { properties: { type: { const: type } }, required: ['type'] },
    // oxlint-disable-next-line no-thenable -- a word of JSON Schema
    then: { required },
  })),
  description: 'a mapping with the type of the interface',
}

export const service: CapabilityType = {
  name: 'service',
  block: 'chora_service',
  dcType: 'Service',
  format: 'application/x-executable',
  mayRequire: {
    service: ['runtime', 'prerequisite', 'optional', 'extends'],
    pattern: ['prerequisite', 'optional', 'extends'],
  },
  flat: {
    type: ['object', 'null'],
    properties: {
      interfaces: { type: 'array', description: 'a list' },
      health: { type: 'object', description: 'a mapping' },
      distribution: { type: 'object', description: 'a mapping' },
    },
    description: 'a mapping',
  },
  spec: {
    type: 'object',
    required: ['chora_service'],
    properties: {
      chora_service: {
        type: 'object',
        required: ['interfaces', 'health', 'distribution'],
        properties: {
          interfaces: { type: 'array', minItems: 1, items: interfaceItem, description: 'a list of at least one' },
          health: {
            type: 'object',
            required: ['endpoint'],
            properties: {
              endpoint: urlPath,
              interval: seconds,
              timeout: seconds,
              heartbeat_ttl: seconds,
              liveness_probe: urlPath,
              readiness_probe: urlPath,
            },
            description: 'a mapping',
          },
          distribution: {
            type: 'object',
            required: ['pypi_package'],
            properties: {
              pypi_package: { type: 'string', pattern: '^chora-[a-z][a-z0-9-]*$', description: 'a name like chora-x' },
              pypi_classifiers: { type: 'array', items: text, description: 'a list' },
              docker_image: {
                type: 'string',
                pattern: '^[a-z0-9][a-z0-9._/-]*:[a-z0-9][a-z0-9._-]*$',
                description: 'an image with its tag',
              },
              docker_platforms: {
                type: 'array',
                items: { type: 'string', pattern: '^[a-z0-9]+/[a-z0-9]+$', description: 'like linux/amd64' },
                description: 'a list',
              },
            },
            description: 'a mapping',
          },
        },
        description: 'a mapping',
      },
      chora_adoption: adoption,
    },
    description: 'a mapping',
  },
}
