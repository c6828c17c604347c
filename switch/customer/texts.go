package customer

import (
	"fmt"

	"wxswitch/banks"
	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
)

// Text returns the customer's words for a reason, of this package or of those
// below it; never empty.
func Text(r switching.Reason) string {
	if text, ok := texts[r]; ok {
		return text
	}
	return textBusy
}

// The texts that stand for several causes. 「」 of the manual are kept letter for
// letter, with or without their full stop.
const (
	textBusy         = "系统繁忙，请稍后再试"
	textBankBusy     = "开户行系统暂时无法受理，请稍后再试"
	textSettling     = "您有一笔业务正在处理中，请稍后再试"
	textWrongCode    = "您输入的短信验证码有误，请重新输入"                            // A4
	textCodeOnItsWay = "若该账号已开通短信验证服务，验证码将发送至您在开户行预留的手机号；号码已变更请联系开户行" // A3
	textNoReply      = "开户行未及时答复，请稍后查看结果"
	textBadInput     = "您填写的内容有误，请核对后重新输入"
)

// The texts of ends.
const (
	textAuthenticated    = "认证成功，感谢您的使用"        // A5
	textNothingToEnd     = "您尚未认证，无需注销"         // A6
	textDeregistered     = "交易成功"               // A9
	textDeregisterFailed = "注销失败，请与开户行联系。"      // A9
	textDeregisterDoubt  = "注销超时，请与开户行联系！"      // A9
	textAttached         = "加挂成功"               // C3
	textDetached         = "解挂成功"               // C4
	textBooked           = "预约成功，预约号将发送至您填写的手机" // D1
)

// texts is the one catalogue of what customers read about a reason.
var texts = map[switching.Reason]string{
	// Of what was typed.
	ReasonCertType:    "请选择证件类型",
	ReasonCert:        "证件号码有误，请核对后重新输入",
	ReasonCodeFormat:  "请输入6位短信验证码",
	ReasonAccount:     "请输入卡号或账号",
	ReasonConsent:     "请阅读并同意服务协议和隐私政策",
	ReasonLoginWeak:   "微信登录密码过于简单，请重新设置",
	ReasonPaymentWeak: "微信支付密码过于简单，请重新设置",
	ReasonLoginForm:   "微信登录密码须为8至20位，至少包含字母、数字、符号中的两种",
	ReasonPaymentForm: "微信支付密码须为6位数字",
	ReasonSame:        "微信登录密码与微信支付密码不能相同，请重新设置",
	ReasonPhone:       "请输入11位手机号码",
	ReasonBusiness:    "请选择预约业务",
	ReasonLocation:    "位置信息有误，请重新发送您的位置",
	ReasonRange:       "起始日期不能晚于截止日期",
	ReasonFuture:      "查询日期不能晚于今天",
	ReasonRangeLong:   fmt.Sprintf("查询时间跨度过长，每次最多可查询%d天", maxRange),
	ReasonRangeOld:    fmt.Sprintf("查询日期过早，仅可查询最近%d天的明细", maxBack),
	ReasonRangeFormat: "查询日期有误，请重新选择",

	// Of codes.
	ReasonCodeSoon:    "获取验证码过于频繁，请稍后再试",
	ReasonCodesADay:   "今日获取验证码次数已达上限，请明天再试",
	ReasonCodeWrong:   textWrongCode,
	ReasonCodeExpired: textWrongCode,
	ReasonCodeVoid:    textWrongCode,
	ReasonCodeUsed:    textWrongCode,

	// Of who the customer is.
	ReasonNotAuthenticated: "您尚未认证，请先进行客户认证",
	ReasonInProgress:       "您的客户认证正在处理中，请稍后再试",
	ReasonDeregistering:    "您的注销申请正在处理中，暂不能办理此业务",
	ReasonFrozen:           "您的微信银行服务已暂停，请与开户行联系",
	ReasonOtherCert:        "您已使用其他证件认证，请先注销后再认证",
	ReasonUnfollowed:       "请先关注公众号后再办理",

	// Of passwords and sessions.
	ReasonNoSession:     "请先登录",
	ReasonNoLogin:       "您尚未设置微信登录密码，请先进行登录设置",
	ReasonNoPayment:     "在加挂账户前，须设置微信支付密码，否则无法加挂。", // C3
	ReasonLoginWrong:    "微信登录密码有误，请重新输入",
	ReasonPaymentWrong:  "微信支付密码有误，请重新输入",
	ReasonLoginLocked:   "微信登录密码错误次数过多，已暂时锁定，请稍后再试",
	ReasonPaymentLocked: "微信支付密码错误次数过多，已暂时锁定，请稍后再试",
	ReasonSetupOver:     "设置时间已过，请重新验证身份后再设置",
	ReasonIdentity:      "您填写的信息与认证时的信息不一致，请核对后重新输入",
	ReasonPageKey:       "页面已过期，请刷新后重新输入",
	ReasonBusy:          textBusy,

	// Of accounts.
	ReasonNoLink:  "未找到该账户，请重新选择",
	ReasonLinked:  "该账户已加挂，无需重复加挂",
	ReasonLinks:   "加挂账户数量已达上限",
	ReasonPrimary: "该账户为认证账户，不能解挂；如需停用请办理客户注销",

	// Of visits.
	ReasonNoBranch: "未找到该网点，请重新选择",
	ReasonVisits:   "今日预约次数已达上限，请明天再试",

	// Of the switch: nothing was sent.
	switching.ReasonSettling:    textSettling,
	switching.ReasonDeadline:    textBankBusy,
	switching.ReasonDraining:    textBusy,
	switching.ReasonUnsupported: "开户行暂不支持此业务",
	switching.ReasonUnwritable:  textBadInput,
	switching.ReasonJournal:     textBusy,
	switching.ReasonUnknownBank: "该开户行暂未开通微信银行",

	// Of the switch: in doubt.
	switching.ReasonBankInDoubt:  textNoReply,
	switching.ReasonUnmappedCode: textNoReply,
	switching.ReasonRecovered:    textNoReply,

	// Of routing.
	switching.Reason(routing.UnknownBIN):    "该卡号或账号暂不支持，请核对后重新输入",
	switching.Reason(routing.BankMismatch):  "您选择的开户行与该卡号或账号不符，请重新选择",
	switching.Reason(routing.BankAmbiguous): "请选择该账号的开户行",
	switching.Reason(routing.BadAccount):    "卡号或账号有误，请核对后重新输入",

	// Of banks, where these are not the switch's own.
	switching.Reason(banks.BreakerOpen):  textBankBusy,
	switching.Reason(banks.NoLink):       textBankBusy,
	switching.Reason(banks.BulkheadFull): textBankBusy,
	switching.Reason(banks.Duplicate):    textBusy,
	switching.Reason(banks.NoReply):      textNoReply,
	switching.Reason(banks.BadReply):     textNoReply,
}

// done are the words for what a bank approved. An enquiry needs none.
var done = map[codec.Type]string{
	codec.Authenticate: textAuthenticated,
	codec.Deregister:   textDeregistered,
	codec.SMSCode:      textCodeOnItsWay,
	codec.Attach:       textAttached,
	codec.Detach:       textDetached,
	codec.Appointment:  textBooked,
}

// declined are the words for a decline whose code nobody has mapped.
var declined = map[codec.Type]string{
	codec.Authenticate: "认证未通过，请核对信息后重试或与开户行联系",
	codec.Attach:       "加挂未成功，请与该账户的开户行联系",
	codec.Detach:       "解挂未成功，请与该账户的开户行联系",
	codec.Appointment:  "预约未成功，请稍后再试或与网点联系",
	codec.Balance:      "查询未成功，请稍后再试或与开户行联系",
	codec.Details:      "查询未成功，请稍后再试或与开户行联系",
}

// inDoubt are the words for what timed out; none calls it failed. What the switch
// then takes back (package switching) is called not in effect.
var inDoubt = map[codec.Type]string{
	codec.Authenticate: "认证超时，本次认证未生效，请稍后重新认证",
	codec.Deregister:   textDeregisterDoubt,
	codec.SMSCode:      "验证码发送超时，短信可能稍后送达；如未收到，请稍后重新获取",
	codec.Attach:       "加挂超时，本次加挂未生效，请稍后重新加挂",
	codec.Detach:       "解挂超时，正在等待开户行确认，请稍后查看结果",
	codec.Appointment:  "预约超时，本次预约未生效，请稍后重新预约",
	codec.Balance:      "查询超时，请稍后再试",
	codec.Details:      "查询超时，请稍后再试",
}

// codes are the words for a bank's F39, whatever was asked. Those of codesOf, for
// one type, stand before them, and the bank's own (Bank.Words) before these.
var codes = map[string]string{
	"03": textBankBusy,
	"04": "该卡已被开户行限制使用，请与开户行联系",
	"05": "开户行未予受理，请与开户行联系",
	"06": textBankBusy,
	"12": "开户行暂不支持此业务",
	"13": textBadInput,
	"14": "卡号或账号不存在，请核对后重新输入",
	"15": "卡号或账号不属于该开户行，请核对后重新输入",
	"20": textBankBusy,
	"22": textBankBusy,
	"25": "开户行未查到该记录，请核对或与开户行联系",
	"30": textBankBusy,
	"34": "该卡已被开户行限制使用，请与开户行联系",
	"36": "该卡已被开户行限制使用，请与开户行联系",
	"38": "密码错误次数过多，请与开户行联系",
	"40": "开户行暂不支持此业务",
	"41": "该卡已挂失，请与开户行联系",
	"42": "该账户不可用，请与开户行联系",
	"43": "该卡已被挂失，请与开户行联系",
	"51": "账户余额不足",
	"54": "该卡已过有效期，请与开户行联系",
	"55": "密码有误，请核对后重新输入",
	"57": "该账户不允许办理此业务，请与开户行联系",
	"58": "开户行暂不支持此业务",
	"59": "开户行未予受理，请与开户行联系",
	"61": "已超过开户行规定的限额",
	"62": "该账户已被限制使用，请与开户行联系",
	"63": textBankBusy,
	"64": textBadInput,
	"65": "已超过开户行规定的次数",
	"75": "密码错误次数过多，请与开户行联系",
	"77": textBankBusy,
	"79": textBankBusy,
	"90": "开户行正在日终处理，请稍后再试",
	"91": textBankBusy,
	"92": textBankBusy,
	"97": textBankBusy,
	"99": textBankBusy,
	"A0": textBankBusy,
}

const textIdentity = "您填写的证件信息与该账号在开户行预留的信息不一致，请核对后重新输入"

var codesOf = map[codec.Type]map[string]string{
	codec.Authenticate: {
		"01": "请与开户行联系核实信息后再认证",
		"05": textIdentity,
		"25": "该账号未在开户行开通短信验证服务，请与开户行联系",
		"51": declined[codec.Authenticate], // says nothing of an identity
		"61": declined[codec.Authenticate],
	},
	codec.Attach: {
		"01": "请与开户行联系核实信息后再加挂",
		"05": "该账户不是您认证证件名下的账户，无法加挂",
		"51": declined[codec.Attach],
		"61": declined[codec.Attach],
	},
	codec.Detach: {
		"01": "请与开户行联系核实信息后再解挂",
		"51": declined[codec.Detach],
		"61": declined[codec.Detach],
	},
	codec.Appointment: {
		"01": "请与网点联系后再预约",
		"05": declined[codec.Appointment],
		"14": "未找到该网点，请重新选择",
		"25": "未找到该网点，请重新选择",
		"51": declined[codec.Appointment],
		"61": "该网点预约已满，请选择其他网点或时间",
		"65": "预约次数已达网点上限，请改日再约",
	},
	codec.Balance: {"01": "请与开户行联系后再查询", "51": declined[codec.Balance]},
	codec.Details: {"01": "请与开户行联系后再查询", "25": "该时间段内没有交易明细", "51": declined[codec.Details]},
}

// CertType is a kind of certificate that a customer may choose (A2).
type CertType struct{ ID, Name string }

// CertTypes returns the kinds of certificate, by the centre's numbers, in the
// order in which a page offers them.
func CertTypes() []CertType {
	return []CertType{
		{"01", "居民身份证"},
		{"02", "军官证"},
		{"03", "护照"},
		{"04", "港澳居民来往内地通行证"},
		{"05", "台湾居民来往大陆通行证"},
		{"06", "警官证"},
		{"07", "士兵证"},
		{"99", "其他证件"},
	}
}

// Business is what a visit is for (D1).
type Business struct{ ID, Name string }

// Businesses returns what a visit can be for, in the manual's order.
func Businesses() []Business {
	return []Business{{"personal", "个人业务"}, {"corporate", "公司业务"}, {"vip", "VIP业务"}}
}
