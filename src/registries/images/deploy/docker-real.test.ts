import { podmanGround } from '../../../connectors/docker/testing/grounds.ts'
import { skipWithoutContainers } from '../../../../tests/parts/podman.ts'
import { dockerSuite } from './testing/docker-suite.ts'

dockerSuite({
  name: 'podman',
  skip: await skipWithoutContainers(),
  open: podmanGround,
  // Its own networks need more of the machine than tests may ask for.
  fixedPort: () => ({ network_mode: 'host' }),
})
