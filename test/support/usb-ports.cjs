// Preloaded into hufu (`NODE_OPTIONS=--require=…`): a machine whose USB ports are what the JSON file that USB_PORTS names
// says at each look: a list of {path, product, vendorId, productId} with `udpPort`, where a software key answers, or
// `denied`. Reports travel as datagrams; all else of node-hid is as the package has it.
const { createSocket } = require('node:dgram')
const { readFileSync } = require('node:fs')
const Module = require('node:module')

const fidoUsagePage = 0xf1d0
const ports = () => JSON.parse(readFileSync(process.env.USB_PORTS, 'utf8'))

class Handle {
  constructor(path, socket) {
    this.path = path
    this.socket = socket
    this.reports = []
    this.wake = () => {}
    socket.on('message', report => {
      this.reports.push(report)
      this.wake()
    })
  }

  throwIfGone() {
    if (!ports().some(({ path }) => path === this.path)) throw new Error('could not read from HID device')
  }

  async write(report) {
    this.throwIfGone()
    this.socket.send(report.subarray(1))
    return report.length
  }

  async read(milliseconds) {
    if (this.reports.length === 0) {
      await new Promise(resolve => {
        const timer = setTimeout(resolve, milliseconds)
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.throwIfGone()
    return this.reports.shift()
  }

  async close() {
    this.socket.close()
  }
}

async function open(path) {
  const port = ports().find(each => each.path === path)
  if (!port) throw new Error(`cannot open device with path ${path}`)
  if (port.denied) throw new Error(`Failed to open a device with path '${path}': Permission denied`)
  const socket = createSocket('udp4')
  await new Promise(resolve => socket.connect(port.udpPort, '127.0.0.1', resolve))
  return new Handle(path, socket)
}

const devicesAsync = async () =>
  ports().map(({ path, product, vendorId, productId }) => ({
    path,
    product,
    vendorId,
    productId,
    usagePage: fidoUsagePage,
    usage: 1,
    interface: 0,
    release: 1,
  }))

const compile = Module._extensions['.js']
Module._extensions['.js'] = (module, filename) => {
  if (!/[\\/]node-hid[\\/]nodehid\.js$/.test(filename)) return compile(module, filename)
  module.exports = { devicesAsync, HIDAsync: { open } }
}
