package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

// figure is one line of the result.
type figure struct {
	name  string
	value float64
	op    string // >=, <=, <
	goal  float64
}

func (f figure) met() bool {
	switch f.op {
	case ">=":
		return f.value >= f.goal
	case "<=":
		return f.value <= f.goal
	}
	return f.value < f.goal
}

func (f figure) String() string {
	return fmt.Sprintf("bench %s %s %s %s", f.name, short(f.value), f.op, short(f.goal))
}

// short writes at most four digits that matter, rounded.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// report is what the run prints, and the figures for its end.
type report struct {
	out     io.Writer
	figures []figure
}

func (r *report) say(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format+"\n", args...) }

func (r *report) goal(name string, value float64, op string, goal float64) {
	r.figures = append(r.figures, figure{name, value, op, goal})
}

// finish prints the figures; the error says that one misses its goal.
func (r *report) finish(err error) error {
	if err != nil {
		return err
	}
	r.say("")
	var missed []string
	for _, f := range r.figures {
		r.say("%s", f)
		if !f.met() {
			missed = append(missed, f.name)
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("goals missed: %v", missed)
	}
	return nil
}

// median of an even number of values is the mean of the two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// quantile of sorted values, q from 0 to 1.
func quantile[T any](sorted []T, q float64) T {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
