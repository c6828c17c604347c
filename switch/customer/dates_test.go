package customer

import (
	"testing"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

func TestPeriod(t *testing.T) {
	at := func(s string) time.Time {
		t.Helper()
		m, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for name, c := range map[string]struct {
		now            string
		kind, from, to string
		first, last    codec.Moment
		reason         switching.Reason
	}{
		"today":                       {"2026-07-30T14:05:06+08:00", PeriodToday, "", "", "20260730000000", "20260730140506", ""},
		"today, first second":         {"2026-07-30T00:00:00+08:00", PeriodToday, "", "", "20260730000000", "20260730000000", ""},
		"today, last second":          {"2026-07-30T23:59:59.999+08:00", PeriodToday, "", "", "20260730000000", "20260730235959", ""},
		"last second of the UTC day":  {"2026-07-30T23:59:59Z", PeriodToday, "", "", "20260731000000", "20260731075959", ""},
		"first second of the UTC day": {"2026-07-31T00:00:00Z", PeriodToday, "", "", "20260731000000", "20260731080000", ""},
		"Shanghai's midnight in UTC":  {"2026-07-30T16:00:00Z", PeriodToday, "", "", "20260731000000", "20260731000000", ""},
		"a second before it":          {"2026-07-30T15:59:59Z", PeriodToday, "", "", "20260730000000", "20260730235959", ""},

		"week, Monday's first second": {"2026-07-27T00:00:00+08:00", PeriodWeek, "", "", "20260727000000", "20260727000000", ""},
		"week, Sunday's last second":  {"2026-08-02T23:59:59+08:00", PeriodWeek, "", "", "20260727000000", "20260802235959", ""},
		"week, Sunday in UTC":         {"2026-08-02T16:00:00Z", PeriodWeek, "", "", "20260803000000", "20260803000000", ""},
		"week over the year's turn":   {"2027-01-01T10:00:00+08:00", PeriodWeek, "", "", "20261228000000", "20270101100000", ""},

		"month":                  {"2026-07-30T14:00:00+08:00", PeriodMonth, "", "", "20260701000000", "20260730140000", ""},
		"month, its last second": {"2026-02-28T23:59:59+08:00", PeriodMonth, "", "", "20260201000000", "20260228235959", ""},
		"month, leap day":        {"2028-02-29T12:00:00+08:00", PeriodMonth, "", "", "20280201000000", "20280229120000", ""},
		"month, first in UTC":    {"2026-12-31T16:00:00Z", PeriodMonth, "", "", "20270101000000", "20270101000000", ""},

		"custom":                   {"2026-07-30T14:00:00+08:00", PeriodCustom, "2026-06-30", "2026-07-01", "20260630000000", "20260701235959", ""},
		"custom, one day":          {"2026-07-30T14:00:00+08:00", PeriodCustom, "2026-07-29", "2026-07-29", "20260729000000", "20260729235959", ""},
		"custom, to today":         {"2026-07-30T14:00:00+08:00", PeriodCustom, "2026-07-29", "2026-07-30", "20260729000000", "20260730140000", ""},
		"custom, leap day":         {"2028-03-05T14:00:00+08:00", PeriodCustom, "2028-02-29", "2028-03-01", "20280229000000", "20280301235959", ""},
		"custom, over the year":    {"2027-01-05T14:00:00+08:00", PeriodCustom, "2026-12-31", "2027-01-01", "20261231000000", "20270101235959", ""},
		"custom, full width":       {"2026-07-30T14:00:00+08:00", PeriodCustom, "２０２６－０７－０１", " 2026-07-02 ", "20260701000000", "20260702235959", ""},
		"custom, today begun now":  {"2026-07-30T00:00:00+08:00", PeriodCustom, "2026-07-30", "2026-07-30", "20260730000000", "20260730000000", ""},
		"custom, reversed":         {"2026-07-30T14:00:00+08:00", PeriodCustom, "2026-07-29", "2026-07-28", "", "", ReasonRange},
		"custom, tomorrow":         {"2026-07-30T23:59:59+08:00", PeriodCustom, "2026-07-29", "2026-07-31", "", "", ReasonFuture},
		"custom, today by UTC":     {"2026-07-30T16:00:00Z", PeriodCustom, "2026-07-31", "2026-07-31", "20260731000000", "20260731000000", ""},
		"custom, 92 days":          {"2026-07-30T14:00:00+08:00", PeriodCustom, "2026-03-01", "2026-05-31", "20260301000000", "20260531235959", ""},
		"custom, 93 days":          {"2026-07-30T14:00:00+08:00", PeriodCustom, "2026-03-01", "2026-06-01", "", "", ReasonRangeLong},
		"custom, 366 days ago":     {"2026-07-30T14:00:00+08:00", PeriodCustom, "2025-07-29", "2025-07-30", "20250729000000", "20250730235959", ""},
		"custom, 367 days ago":     {"2026-07-30T14:00:00+08:00", PeriodCustom, "2025-07-28", "2025-07-30", "", "", ReasonRangeOld},
		"custom, no such day":      {"2026-07-30T14:00:00+08:00", PeriodCustom, "2026-02-29", "2026-03-01", "", "", ReasonRangeFormat},
		"custom, a date and more":  {"2026-07-30T14:00:00+08:00", PeriodCustom, "2026-07-01' OR 1=1", "2026-07-02", "", "", ReasonRangeFormat},
		"custom, nothing":          {"2026-07-30T14:00:00+08:00", PeriodCustom, "", "", "", "", ReasonRangeFormat},
		"custom, year of 5 digits": {"2026-07-30T14:00:00+08:00", PeriodCustom, "12026-07-01", "2026-07-02", "", "", ReasonRangeFormat},
		"no such period":           {"2026-07-30T14:00:00+08:00", "year", "", "", "", "", ReasonRangeFormat},
	} {
		t.Run(name, func(t *testing.T) {
			first, last, reason := period(c.kind, c.from, c.to, at(c.now))
			if first != c.first || last != c.last || reason != c.reason {
				t.Errorf("%s to %s, %q; want %s to %s, %q", first, last, reason, c.first, c.last, c.reason)
			}
		})
	}
}
