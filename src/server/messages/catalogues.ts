/** What people read in mails and text messages. Both languages have the same keys; a test holds them to it. */
export const en = {
  // A mail shows its code twice: at the end of the subject, for the list of mails, and on a line of its own.
  mail_login_subject: '{{service}} sign-in code: {{code}}',
  mail_login:
    'Your sign-in code for {{service}}:\n\n{{code}}\n\nIt works once, within {{minutes}} minutes.\n\nIf you are not signing in, ignore this mail and tell nobody the code: without it nobody gets in.',
  mail_step_up_subject: '{{service}} verification code: {{code}}',
  mail_step_up:
    'Your verification code for {{service}}:\n\n{{code}}\n\nIt confirms a change to your account and works once, within {{minutes}} minutes.\n\nIf you did not ask for it, tell nobody the code: someone is signed in as you. Run "hufu sessions revoke --others", then "hufu passwd".',
  mail_bind_subject: '{{service}} binding code: {{code}}',
  mail_bind:
    'The code that binds this address to an account at {{service}}:\n\n{{code}}\n\nIt works once, within {{minutes}} minutes.\n\nIf you did not ask for it, ignore this mail: without the code nothing is bound.',
  // A text message fits one segment: 160 characters of the GSM alphabet, with a service name of up to 16.
  sms_login:
    '{{service}} sign-in code: {{code}}. Works once, for {{minutes}} minutes. Not you? Ignore it and tell nobody.',
  sms_step_up:
    '{{service}} verification code: {{code}}, for a change to your account, {{minutes}} minutes. Not you? Someone is signed in as you: run "hufu passwd".',
  sms_bind: '{{service}} code to bind this number: {{code}}. Works once, for {{minutes}} minutes. Not you? Ignore it.',

  mail_notice_subject: '{{service}}: the security settings of {{username}} have changed',
  mail_notice:
    '{{what}}\n\nAccount: {{username}}\nTime: {{time}} UTC\nFrom: {{source}}\n\nIf this was you, there is nothing to do.',
  mail_notice_commands:
    'If not, run "hufu passwd" at once: it ends all other sessions. Then "hufu status" shows what is bound and the command that sets it right.',
  mail_notice_link:
    'If not, undo it with the link below, which also ends all sessions. Then choose a new password with "hufu passwd".',
  mail_notice_link_until:
    'If not, undo it before {{until}} UTC with the link below, which also ends all sessions. Then choose a new password with "hufu passwd".',
  this_was_not_me: 'This was not me: {{link}}',
  sms_notice:
    '{{service}}: {{name}}, account {{account}}, {{time}} UTC. Not you? Run "hufu passwd" at once, then "hufu status".',
  sms_notice_link: '{{service}}: {{name}}, account {{account}}, {{time}} UTC. Not you? Undo it here:\n{{link}}',
  mail_notice_by_admin:
    '{{what}}\n\nAccount: {{username}}\nTime: {{time}} UTC\nBy: an administrator\n\nIf you did not expect this, ask your administrator.',
  sms_notice_by_admin:
    '{{service}}: {{name}}, account {{account}}, {{time}} UTC. Not expected? Ask your administrator.',
  name_by_admin: '{{name}} by admin',

  // What changed, as a sentence, and as a name of at most 20 characters.
  'password.change': 'The password was changed, and the other sessions were ended.',
  'password.change.name': 'password changed',
  'enrolment.redeem': 'The first password was set.',
  'enrolment.redeem.name': 'first password set',
  'phone.bind': 'The phone number {{new}} was bound.',
  'phone.bind.name': 'phone bound',
  'phone.replace': 'The phone number {{old}} was replaced by {{new}}.',
  'phone.replace.name': 'phone replaced',
  'phone.unbind': 'The phone number {{old}} was unbound.',
  'phone.unbind.name': 'phone unbound',
  'email.bind': 'The email address {{new}} was bound.',
  'email.bind.name': 'email bound',
  'email.replace': 'The email address {{old}} was replaced by {{new}}.',
  'email.replace.name': 'email replaced',
  'email.unbind': 'The email address {{old}} was unbound.',
  'email.unbind.name': 'email unbound',
  'phone.revert':
    'The link of an earlier notice was used: it undoes a change of the phone number, and all sessions were ended. Bound now: {{new}}.',
  'phone.revert.name': 'phone change undone',
  'email.revert':
    'The link of an earlier notice was used: it undoes a change of the email address, and all sessions were ended. Bound now: {{new}}.',
  'email.revert.name': 'email change undone',
  'totp.bind': 'An authenticator app was bound.',
  'totp.bind.name': 'auth app bound',
  'totp.replace': 'The authenticator app was replaced.',
  'totp.replace.name': 'auth app replaced',
  'totp.unbind': 'The authenticator app was unbound.',
  'totp.unbind.name': 'auth app unbound',
  'wechat.bind': 'A WeChat account was bound.',
  'wechat.bind.name': 'WeChat bound',
  'wechat.replace': 'The WeChat account was replaced.',
  'wechat.replace.name': 'WeChat replaced',
  'wechat.unbind': 'The WeChat account was unbound.',
  'wechat.unbind.name': 'WeChat unbound',
  'webauthn.bind': 'The security key "{{new}}" was bound.',
  'webauthn.bind.name': 'security key bound',
  'webauthn.unbind': 'The security key "{{old}}" was unbound.',
  'webauthn.unbind.name': 'security key unbound',
  'recovery_codes.create': 'New recovery codes were made; the earlier ones no longer work.',
  'recovery_codes.create.name': 'new recovery codes',
  'recovery_code.used': 'A recovery code was used.',
  'recovery_code.used.name': 'recovery code used',
  'webauthn.counter_regressed':
    'The counter of the security key "{{old}}" stepped back: a copy of it may exist. It still works; unbind it if you are not sure.',
  'webauthn.counter_regressed.name': 'key may be copied',
  'account.disable': 'The account was disabled: nobody can sign in to it, and all sessions were ended.',
  'account.disable.name': 'disabled',
  'account.enable': 'The account was enabled again: you can sign in as before.',
  'account.enable.name': 'enabled',
  'account.reset_link':
    'A one-time link that sets a new password was made. Until somebody uses it, your password works as before.',
  'account.reset_link.name': 'reset link',
  wechat_bound:
    'Done: this WeChat account is now bound to {{username}} at {{service}}. If this was not you, tell the owner of the QR code to run "hufu unbind wechat".',
  wechat_refused_elsewhere:
    'This WeChat account is already bound to another account at {{service}}, so nothing was changed.',
  wechat_refused_already: 'This WeChat account is bound to {{username}} already; nothing was changed.',
  wechat_refused_expired:
    'This QR code has expired, and nothing was changed. Scan the new one on the screen, or run "hufu bind wechat" again.',
  wechat_refused_used:
    'Somebody else has scanned this QR code already; nothing was changed. To bind your own WeChat account, run "hufu bind wechat" yourself.',
  wechat_code:
    'Your code: {{code}} (for {{minutes}} minutes)\n\nIt binds this WeChat account to {{username}} at {{service}}. Type it only where you yourself ran "hufu bind wechat", at your own terminal. If somebody sent you this QR code or asks you for the code, tell them nothing: they are after your account.',
} as const

export type ServerMessageKey = keyof typeof en

/** A change that people are told of: it has a sentence, and a `.name`. */
export type NoticeKey = {
  [Key in ServerMessageKey]: `${Key}.name` extends ServerMessageKey ? Key : never
}[ServerMessageKey]

export const zhCN: Readonly<Record<ServerMessageKey, string>> = {
  mail_login_subject: '{{service}} 登录验证码：{{code}}',
  mail_login:
    '您的 {{service}} 登录验证码：\n\n{{code}}\n\n{{minutes}} 分钟内有效，仅可使用一次。\n\n如果您没有在登录，请忽略本邮件，切勿将验证码告诉任何人：没有验证码，任何人都无法登录。',
  mail_step_up_subject: '{{service}} 身份验证码：{{code}}',
  mail_step_up:
    '您的 {{service}} 身份验证码：\n\n{{code}}\n\n用于确认账户安全设置的变更，{{minutes}} 分钟内有效，仅可使用一次。\n\n如非本人操作，切勿将验证码告诉任何人：这说明有人登录了您的账户。请立即运行 hufu sessions revoke --others，再运行 hufu passwd。',
  mail_bind_subject: '{{service}} 绑定验证码：{{code}}',
  mail_bind:
    '将此邮箱绑定到 {{service}} 账户的验证码：\n\n{{code}}\n\n{{minutes}} 分钟内有效，仅可使用一次。\n\n如非本人操作，请忽略本邮件：没有验证码，不会绑定任何内容。',
  sms_login: '【{{service}}】登录验证码：{{code}}，{{minutes}} 分钟内有效，请勿告诉他人。如非本人操作，请忽略。',
  sms_step_up:
    '【{{service}}】身份验证码：{{code}}，用于变更安全设置，{{minutes}} 分钟内有效。如非本人操作，请立即运行 hufu passwd。',
  sms_bind: '【{{service}}】绑定验证码：{{code}}，用于绑定此手机号，{{minutes}} 分钟内有效。如非本人操作，请忽略。',

  mail_notice_subject: '{{service}}：账户 {{username}} 的安全设置已变更',
  mail_notice: '{{what}}\n\n账户：{{username}}\n时间：{{time}} UTC\n来源：{{source}}\n\n如果是您本人操作，无需处理。',
  mail_notice_commands:
    '如果不是，请立即运行 hufu passwd（会同时退出所有其他会话），再用 hufu status 查看各项绑定及其修改命令。',
  mail_notice_link: '如果不是，请用下面的链接撤销本次变更，并退出所有会话。之后请运行 hufu passwd 设置新密码。',
  mail_notice_link_until:
    '如果不是，请在 {{until}} UTC 之前用下面的链接撤销本次变更，并退出所有会话。之后请运行 hufu passwd 设置新密码。',
  this_was_not_me: '不是我操作的：{{link}}',
  sms_notice: '【{{service}}】账户 {{account}}：{{name}}（{{time}} UTC）。非本人操作请立即运行 hufu passwd。',
  sms_notice_link: '【{{service}}】账户 {{account}}：{{name}}（{{time}} UTC）。非本人操作请点此撤销：\n{{link}}',
  mail_notice_by_admin:
    '{{what}}\n\n账户：{{username}}\n时间：{{time}} UTC\n操作者：管理员\n\n如果您事先并不知情，请联系管理员核实。',
  sms_notice_by_admin: '【{{service}}】账户 {{account}}：{{name}}（{{time}} UTC）。如不知情，请联系管理员核实。',
  name_by_admin: '{{name}}，管理员操作',

  'password.change': '账户密码已修改，其他会话已全部退出。',
  'password.change.name': '账户密码修改',
  'enrolment.redeem': '已设置首个账户密码。',
  'enrolment.redeem.name': '首个密码设置',
  'phone.bind': '已绑定密保手机 {{new}}。',
  'phone.bind.name': '密保手机绑定',
  'phone.replace': '密保手机已由 {{old}} 更换为 {{new}}。',
  'phone.replace.name': '密保手机更换',
  'phone.unbind': '已解绑密保手机 {{old}}。',
  'phone.unbind.name': '密保手机解绑',
  'email.bind': '已绑定账户邮箱 {{new}}。',
  'email.bind.name': '账户邮箱绑定',
  'email.replace': '账户邮箱已由 {{old}} 更换为 {{new}}。',
  'email.replace.name': '账户邮箱更换',
  'email.unbind': '已解绑账户邮箱 {{old}}。',
  'email.unbind.name': '账户邮箱解绑',
  'phone.revert': '有人使用了此前通知中的撤销链接，撤销密保手机的变更，所有会话均已退出。当前绑定：{{new}}。',
  'phone.revert.name': '密保手机变更撤销',
  'email.revert': '有人使用了此前通知中的撤销链接，撤销账户邮箱的变更，所有会话均已退出。当前绑定：{{new}}。',
  'email.revert.name': '账户邮箱变更撤销',
  'totp.bind': '已绑定动态口令。',
  'totp.bind.name': '动态口令绑定',
  'totp.replace': '动态口令已更换。',
  'totp.replace.name': '动态口令更换',
  'totp.unbind': '已解绑动态口令。',
  'totp.unbind.name': '动态口令解绑',
  'wechat.bind': '已绑定微信。',
  'wechat.bind.name': '微信绑定',
  'wechat.replace': '绑定的微信已更换。',
  'wechat.replace.name': '微信更换',
  'wechat.unbind': '已解绑微信。',
  'wechat.unbind.name': '微信解绑',
  'webauthn.bind': '已绑定安全密钥“{{new}}”。',
  'webauthn.bind.name': '安全密钥绑定',
  'webauthn.unbind': '已解绑安全密钥“{{old}}”。',
  'webauthn.unbind.name': '安全密钥解绑',
  'recovery_codes.create': '已生成新的恢复码，原有恢复码全部失效。',
  'recovery_codes.create.name': '恢复码重新生成',
  'recovery_code.used': '有一个恢复码已被使用。',
  'recovery_code.used.name': '恢复码被使用',
  'webauthn.counter_regressed': '安全密钥“{{old}}”的计数器出现回退，可能存在复制品。它仍可使用；如有疑虑，请解绑。',
  'webauthn.counter_regressed.name': '安全密钥疑似被复制',
  'account.disable': '账户已停用：任何人都无法登录，所有会话均已退出。',
  'account.disable.name': '账户停用',
  'account.enable': '账户已恢复使用，您可以照常登录。',
  'account.enable.name': '账户恢复',
  'account.reset_link': '已生成用于设置新密码的一次性链接。链接被使用之前，原密码仍然有效。',
  'account.reset_link.name': '密码重置链接',
  wechat_bound:
    '绑定成功：此微信已绑定到 {{service}} 账户 {{username}}。如非本人操作，请让二维码的主人运行 hufu unbind wechat 解绑。',
  wechat_refused_elsewhere: '此微信已绑定到 {{service}} 的其他账户，本次未做任何变更。',
  wechat_refused_already: '此微信已绑定到账户 {{username}}，无需重复绑定。',
  wechat_refused_expired: '二维码已过期，未做任何变更。请扫描屏幕上的新二维码，或重新运行 hufu bind wechat。',
  wechat_refused_used: '此二维码已被他人扫过，未做任何变更。如需绑定您自己的微信，请自行运行 hufu bind wechat。',
  wechat_code:
    '验证码：{{code}}（{{minutes}} 分钟内有效）\n\n输入后，此微信将绑定到 {{service}} 账户 {{username}}。请只在您本人运行 hufu bind wechat 的终端上输入。如果二维码是别人发来的，或有人向您索要验证码，切勿告知，谨防账户被盗。',
}
