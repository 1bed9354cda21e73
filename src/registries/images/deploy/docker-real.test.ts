import { after } from 'node:test'
import { podmanGrounds } from '../../../connectors/docker/testing/grounds.ts'
import { skipWithoutContainers } from '../../../../tests/parts/podman.ts'
import { dockerSuite } from './testing/docker-suite.ts'

const grounds = podmanGrounds()
after(() => grounds.close())

dockerSuite({
  name: 'podman',
  skip: await skipWithoutContainers(),
  open: grounds.open,
  // Its own networks need more of the machine than tests may ask for.
  fixedPort: () => ({ network_mode: 'host' }),
})
