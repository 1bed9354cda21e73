import { fakeGround } from '../../../connectors/docker/testing/grounds.ts'
import { dockerSuite } from './testing/docker-suite.ts'

dockerSuite({ name: 'fake engine', skip: false, open: fakeGround, fixedPort: (port) => ({ ports: [`${port}:8080`] }) })
