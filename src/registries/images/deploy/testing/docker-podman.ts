import { after } from 'node:test'
import { podmanGrounds } from '../../../../connectors/docker/testing/grounds.ts'
import { skipWithoutContainers } from '../../../../../tests/parts/podman.ts'
import { dockerSuite } from './docker-suite.ts'

/** The suite of the deployer on Podman and runc; without `only` all of it. */
export async function podmanDeploys(only?: RegExp): Promise<void> {
  const grounds = podmanGrounds()
  after(() => grounds.close())
  dockerSuite({
    name: 'podman',
    skip: await skipWithoutContainers(),
    ...(only && { only }),
    open: grounds.open,
    // Its own networks need more of the machine than tests may ask for.
    fixedPort: () => ({ network_mode: 'host' }),
  })
}
