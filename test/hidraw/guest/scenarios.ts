import { permission } from './permission.ts'
import { driverOf, patience } from './port.ts'
import { type Scenario, stepUpByKey } from './scenario.ts'
import { olderKey, pinned, stubborn, u2fKey } from './scenarios-of-kinds.ts'

const both = ['uhid', 'usb'] as const

const registers: Scenario = {
  name: 'registers',
  buses: both,
  async run(bench) {
    const { person, key, binding } = await bench.owner()
    return { runs: [binding], seen: { used: await bench.usedKeys(person), driver: driverOf(key.path) } }
  },
}

const stepsUp: Scenario = {
  name: 'steps up',
  buses: both,
  async run(bench) {
    const { person } = await bench.owner()
    const run = await bench.run(person, stepUpByKey)
    return { runs: [run], seen: { used: await bench.usedKeys(person) } }
  },
}

const logsIn: Scenario = {
  name: 'logs in',
  buses: both,
  async run(bench) {
    const { person } = await bench.owner()
    const before = person.sessionSecret()
    // A key that was only touched is one factor.
    const run = await bench.run(person, ['login', person.username, '--verify', 'webauthn', '--verify', 'password'])
    return { runs: [run], seen: { isNewSession: person.sessionSecret() !== before } }
  },
}

const boundAlready: Scenario = {
  name: 'is bound already',
  buses: both,
  async run(bench) {
    const { person } = await bench.owner()
    return { runs: [await bench.run(person, ['bind', 'webauthn', '--verify', 'password'])] }
  },
}

const notBound: Scenario = {
  name: 'is not the bound one',
  buses: both,
  async run(bench) {
    const { person, key } = await bench.owner()
    await key.unplug()
    await bench.key('Stranger')
    return { runs: [await bench.run(person, stepUpByKey)] }
  },
}

const denied: Scenario = {
  name: 'is denied',
  buses: both,
  async run(bench) {
    const { person, key } = await bench.owner()
    key.touch = 'deny'
    return { runs: [await bench.run(person, stepUpByKey)] }
  },
}

const interrupted: Scenario = {
  name: 'is let go on Ctrl-C',
  buses: both,
  async run(bench) {
    const { person, key } = await bench.owner()
    key.touch = 'never'
    const stopped = await bench.during(person, stepUpByKey, async running => {
      await key.blinks()
      await running.seen('touch', patience)
      running.kill('SIGINT')
    })
    key.touch = 'automatic'
    return { runs: [stopped, await bench.run(person, stepUpByKey)] }
  },
}

const pulledOut: Scenario = {
  name: 'is pulled out while it blinks',
  buses: both,
  async run(bench) {
    const { person, key } = await bench.owner()
    key.touch = 'never'
    const without = await bench.during(person, stepUpByKey, async running => {
      await key.blinks()
      await running.seen('touch', patience)
      await key.unplug()
    })
    key.touch = 'automatic'
    await key.plugIn()
    return { runs: [without, await bench.run(person, stepUpByKey)] }
  },
}

const late: Scenario = {
  name: 'is plugged in late',
  buses: both,
  async run(bench) {
    const { person, key } = await bench.owner()
    await key.unplug()
    const run = await bench.during(person, stepUpByKey, async running => {
      await running.said(/security key/, patience)
      await key.plugIn()
    })
    return { runs: [run] }
  },
}

const oneOfTwo: Scenario = {
  name: 'is one of two',
  buses: ['uhid'],
  async run(bench) {
    const { person, key } = await bench.owner()
    await key.unplug()
    const second = await bench.key('Second')
    await bench.bind(person)
    await key.plugIn()
    key.touch = 'never'
    second.touch = 'never'
    const run = await bench.during(person, stepUpByKey, async () => {
      await key.blinks()
      await second.touchOnceItBlinks()
    })
    return { runs: [run], seen: { used: (await bench.usedKeys(person)).slice(-1) } }
  },
}

const forbidden: Scenario = {
  name: 'may not be opened by everybody',
  buses: ['usb'],
  async run(bench) {
    const { person, key } = await bench.owner()
    return permission(person, key, bench.udev, as => bench.run(person, stepUpByKey, { as }))
  },
}

export const scenarios: readonly Scenario[] = [
  registers,
  stepsUp,
  logsIn,
  boundAlready,
  notBound,
  denied,
  interrupted,
  pulledOut,
  late,
  oneOfTwo,
  pinned,
  stubborn,
  u2fKey,
  olderKey,
  forbidden,
]
