/** How things stand at each target, for tables of what a registry has. */
import type { Column } from './table.ts'

interface AtTargets {
  /** Target → state of the delivery. */
  readonly targets: Readonly<Record<string, string>>
}

export const targetsColumn: Column<AtTargets> = {
  name: 'TARGETS',
  value: ({ targets }) =>
    Object.entries(targets)
      .map(([target, state]) => `${target}:${state}`)
      .join(' '),
  style: ({ targets }) => (Object.values(targets).every((state) => state === 'applied') ? 'green' : 'yellow'),
}
