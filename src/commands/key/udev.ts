const rulesFile = '/etc/udev/rules.d/70-security-key.rules'

/**
 * The commands that let the person open their keys.
 * @param rules udev rules, one line each, without apostrophes
 */
export const udevCommands = (rules: readonly string[]): string[] => [
  ...[...new Set(rules)].map(rule => `echo '${rule}' | sudo tee -a ${rulesFile}`),
  'sudo udevadm control --reload',
]
