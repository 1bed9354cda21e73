/** Stages for tests. */
import type { Stage } from '../../model.ts'
import { stageDefinition, stageOf } from '../definition.ts'

/** `shop/production`, which follows team/shop in the registry `main` for the deployer `docker`. */
export function stageFor(name = 'shop/production', given: object = {}, owner: Stage['owner'] = 'config'): Stage {
  const [project = '', stage = ''] = name.split('/')
  const definition = { registry: 'main', image: 'team/shop', deployer: 'docker', ...given }
  return stageOf(project, stage, stageDefinition.parse(definition), owner)
}
