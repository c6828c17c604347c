package customer

import (
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// The periods of an account's details (C2).
const (
	PeriodToday  = "today"  // 本日
	PeriodWeek   = "week"   // 本周: since Monday
	PeriodMonth  = "month"  // 本月
	PeriodCustom = "custom" // 自定义: two dates, both included
)

// Periods that a customer chooses span at most maxRange days, and begin at most
// maxBack days before today.
const (
	maxRange = 92
	maxBack  = 366
)

// period returns the first and last second of a period, both included. Days are
// Shanghai's. from and to are dates, YYYY-MM-DD, of a custom period only. A
// period that includes today ends now, so that the first page fixes what the
// later ones show.
func period(kind, from, to string, now time.Time) (first, last codec.Moment, reason switching.Reason) {
	now = now.In(codec.Shanghai)
	today := midnight(now)
	begin := today
	switch kind {
	case PeriodToday:
	case PeriodWeek:
		begin = today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	case PeriodMonth:
		begin = today.AddDate(0, 0, 1-today.Day())
	case PeriodCustom:
		return custom(from, to, now)
	default:
		return "", "", ReasonRangeFormat
	}
	return codec.NewMoment(begin), codec.NewMoment(now), ""
}

func custom(from, to string, now time.Time) (first, last codec.Moment, reason switching.Reason) {
	begin, ok := date(from)
	end, ok2 := date(to)
	today := midnight(now)
	switch {
	case !ok || !ok2:
		return "", "", ReasonRangeFormat
	case end.Before(begin):
		return "", "", ReasonRange
	case end.After(today):
		return "", "", ReasonFuture
	case end.AddDate(0, 0, 1-maxRange).After(begin):
		return "", "", ReasonRangeLong
	case begin.Before(today.AddDate(0, 0, -maxBack)):
		return "", "", ReasonRangeOld
	}
	end = end.AddDate(0, 0, 1).Add(-time.Second)
	if end.After(now) {
		end = now
	}
	return codec.NewMoment(begin), codec.NewMoment(end), ""
}

func date(s string) (time.Time, bool) {
	t, err := time.ParseInLocation(time.DateOnly, narrow(s), codec.Shanghai)
	return t, err == nil
}

// midnight is when the day of t began in Shanghai.
func midnight(t time.Time) time.Time {
	y, m, d := t.In(codec.Shanghai).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, codec.Shanghai)
}
