/** `chora_adoption`, which the schema allows in the spec of either type. */
import type { JsonObject } from '../../../../kernel/json.ts'

export const adoption: JsonObject = {
  type: 'object',
  properties: {
    effort_minutes: { type: 'integer', minimum: 1, description: 'a whole number of minutes, at least 1' },
    complexity: { enum: ['low', 'medium', 'high'], description: 'low, medium or high' },
    time_savings_minutes: { type: 'integer', minimum: 0, description: 'a whole number of minutes' },
    roi_percentage: { type: 'number', minimum: -100, description: 'a number, at least -100' },
    success_criteria: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', minLength: 5, maxLength: 250, description: 'text of 5 to 250 characters' },
      description: 'a list of at least one condition',
    },
  },
  description: 'a mapping',
}
