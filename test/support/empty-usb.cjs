// Preloaded into hufu (`NODE_OPTIONS=--require=…`): a machine with USB ports and nothing plugged in. Whether libusb and a
// key are on the machine that runs the tests does not matter then.
const Module = require('node:module')

const compile = Module._extensions['.js']
Module._extensions['.js'] = (module, filename) => {
  if (!/[\\/]node-hid[\\/]nodehid\.js$/.test(filename)) return compile(module, filename)
  module.exports = { devicesAsync: async () => [], HIDAsync: class {} }
}
