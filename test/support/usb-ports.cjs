// Preloaded into hufu (`NODE_OPTIONS=--require=…`): USB ports as the file USB_PORTS describes them, a list of
// {path, product, port, closed}; none are in use where there is no such file. `port` is the UDP port of a software key,
// `closed` says that the user may not open it. Whether libusb and a key are on the machine that runs the tests does not
// matter then.
const Module = require('node:module')
const { readFileSync } = require('node:fs')
const { createSocket } = require('node:dgram')

const plugged = () => (process.env.USB_PORTS ? JSON.parse(readFileSync(process.env.USB_PORTS, 'utf8')) : [])

/** What node-hid gives for a device: reports without a report id to read, with one to write. */
class Handle {
  constructor(path, port) {
    this.path = path
    this.port = port
    this.reports = []
    this.socket = createSocket('udp4')
    this.socket.on('message', report => {
      this.reports.push(report)
      this.arrived?.()
    })
  }

  static async open(path) {
    const found = plugged().find(each => each.path === path)
    if (!found || found.closed) throw new Error(`cannot open device with path ${path}: Permission denied`)
    return new Handle(path, found.port)
  }

  verifyPlugged() {
    if (!plugged().some(each => each.path === this.path && each.port === this.port)) throw new Error('could not read')
  }

  async write(report) {
    this.verifyPlugged()
    this.socket.send(report.subarray(1), this.port, '127.0.0.1')
    return report.length
  }

  async read(milliseconds) {
    this.verifyPlugged()
    if (this.reports.length === 0) {
      await new Promise(resolve => {
        this.arrived = resolve
        setTimeout(resolve, milliseconds)
      })
    }
    return this.reports.shift()
  }

  async close() {
    this.socket.close()
  }
}

const devicesAsync = async () =>
  plugged().map(({ path, product }) => ({ path, product, vendorId: 0x1209, productId: 0xf1d0, usagePage: 0xf1d0 }))

const compile = Module._extensions['.js']
Module._extensions['.js'] = (module, filename) => {
  if (!/[\\/]node-hid[\\/]nodehid\.js$/.test(filename)) return compile(module, filename)
  module.exports = { devicesAsync, HIDAsync: Handle }
}
